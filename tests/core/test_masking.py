from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.core.masking import HIDDEN, mask, mask_arguments

SECRET = "hunter2secretvalue"


@pytest.mark.parametrize(
    "text",
    [
        f"PGPASSWORD={SECRET}",
        f"clientSecret: {SECRET}",
        f'"db_password": "{SECRET}"',
        f'password="ab\\"{SECRET}"',
        f'password = b"two {SECRET}"',
        f'password = """{SECRET}"""',
        f"AWS_SECRET_ACCESS_KEY={SECRET}",
        f"AccountKey={SECRET}==",
        f"pwd={SECRET}",
        f"Authorization: Bearer {SECRET}",
        f"'Authorization': 'Basic {SECRET}'",
        f"curl -H bearer {SECRET}",
        f"postgresql://ada:{SECRET}@db/ml",
        f"postgresql://ada:p@{SECRET}@db/ml",
        f"postgresql://ada:a/{SECRET}@db/ml",
        f"postgresql:/ada:{SECRET}@db/ml",
        f"redis://:{SECRET}@cache",
        f"https://{SECRET}@example.com/repository",
        f"https://example.com/blob?se=2026&sig={SECRET}",
        f"https://example.com/blob?X-Amz-Signature={SECRET}&a=b",
        f"https://example.com/?access_token={SECRET}",
        "-----BEGIN RSA PRIVATE" + f" KEY-----\n+{SECRET}\n",
        f"+eyJhbGciOiJIUzI1NiJ9.{SECRET}.abc",
        f"key is sk-{SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_hidden_in_any_text(text: str) -> None:
    for whole in (text, f"+{text}", f"some words before {text} and after"):
        assert SECRET not in mask(whole)
        assert HIDDEN in mask(whole)


@pytest.mark.parametrize(
    "text",
    [
        "--tokenizer=bert",
        "max_tokens = 512",
        "author: ada",
        "bypass=1",
        "a risk-adjusted-returns-model",
        "http://127.0.0.1:8300/people/@ada",
        "git@github.com:ada/repository",
        "a bearer of good news",
        "the password:\nwas not on this line",
        "lr=0.1 hidden_layers=[1, 2] name='passport'",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def test_the_rest_of_an_address_stays() -> None:
    assert mask("postgresql://ada:x@db:5432/ml?ssl=on") == "postgresql://ada:***@db:5432/ml?ssl=on"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--password", SECRET],
        ["--password", f"-{SECRET}"],
        ["--authToken", SECRET],
        ["--pwd", SECRET],
        [f"--db-password={SECRET}"],
        [f"TOKEN={SECRET}"],
        [f"TOKEN=a,{SECRET}"],
        [f"db.password=a b,{SECRET}"],
        [f"+db.password={SECRET}"],
        ["--url", f"https://ada:{SECRET}@example.com"],
        ["-H", f"Authorization: Bearer {SECRET}"],
        ["--config", f'{{"api_key": "{SECRET}"}}'],
    ],
)
def test_secret_arguments_are_hidden_and_the_others_stay(arguments: list[str]) -> None:
    masked = mask_arguments(["--lr", "0.1", *arguments, "--depth=3"])
    assert SECRET not in " ".join(masked)
    assert (masked[:2], masked[-1], len(masked)) == (["--lr", "0.1"], "--depth=3", len(arguments) + 3)


def test_a_word_that_names_a_secret_hides_nothing_after_it() -> None:
    assert mask_arguments(["token", "train.py", "--secret", "--lr", "1"]) == [
        "token",
        "train.py",
        "--secret",
        "--lr",
        "1",
    ]


@given(st.text(), st.text())
def test_masking_takes_any_text_and_hides_what_stands_on_a_line_of_its_own(before: str, after: str) -> None:
    masked = mask(f"{before}\npassword={SECRET}\n{after}")
    assert SECRET not in masked
    assert len(mask_arguments([before, after])) == 2


@pytest.mark.parametrize("piece", ["a", "token_", "a://b:", "eyJ", 'password="""', "-", "a@", "secret", "=\\'", "sk-"])
def test_the_time_is_linear_in_the_length(piece: str, untraced: None) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        begun = time.process_time()
        mask(text)
        return time.process_time() - begun

    seconds(1000)
    assert seconds(200_000) < 60 * max(seconds(20_000), 0.005)
