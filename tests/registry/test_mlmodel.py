"""Reading MLmodel files."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlwright.registry.mlmodel import is_data_only, read_mlmodel
from mlwright.registry.values import Column

WHOLE = """# a comment
flavors:
  python_function:
    env:
      conda: conda.yaml
    loader_module: mlflow.sklearn
  sklearn:
    code: null
    skops_trusted_types:
    - numpy.dtype
    - 'a: b'
is_signature_from_type_hint: false
metadata:
  note: 'it''s: "x"'
  long: plain text that goes
    on in the next line
mlflow_version: 3.17.2
model_id: m-0123
run_id: "a\\tb"
signature:
  inputs: '[{"type": "double", "name": "sepal length (cm)", "required": true}, {"type":
    "string", "name": "it''s", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]'
  params: null
utc_time_created: '2026-11-23 21:58:57.056105'
"""


def test_flavours_signature_and_origin_are_read() -> None:
    found = read_mlmodel(WHOLE)
    assert found.flavors == ["python_function", "sklearn"]
    assert found.signature.inputs == [Column("sepal length (cm)", "FP64"), Column("it's", "BYTES", nullable=True)]
    assert found.signature.outputs == [Column("output_0", "INT64")]
    assert (found.model_id, found.mlflow_version, found.run_id) == ("m-0123", "3.17.2", "a\tb")


def test_a_signature_that_columns_can_not_say_is_left_out() -> None:
    for inputs in (
        '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 4]}}]',
        '[{"type": "array", "items": {"type": "string"}, "name": "a"}]',
        '[{"type": "double", "name": "a"}, {"type": "object", "name": "b"}]',
        "no JSON",
        '{"a": 1}',
    ):
        assert read_mlmodel(f"signature:\n  inputs: '{inputs}'\n").signature.inputs == []


def test_a_model_of_data_files_runs_no_code() -> None:
    assert is_data_only(["MLmodel", "conda.yaml", "requirements.txt", "model.skops", "sub/registered_model_meta"])
    assert not is_data_only(["MLmodel", "model.pkl"])
    assert not is_data_only(["code/a.py"])


@given(st.text(alphabet=st.sampled_from("ab:'\"\\- \n#{}[]x0\t"), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_mlmodel(text)
    read_mlmodel(f"flavors:\n  {text}\nsignature:\n  inputs: {text}\n")
