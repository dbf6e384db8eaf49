"""PyTorch tensors, alone or as a dict of names (what `state_dict()` returns), stored in the safetensors format.

The file is eight bytes of length, a JSON header and the buffers, larger item sizes first so that each is aligned
(https://github.com/huggingface/safetensors#format): no pickle, and any reader of that format reads it. Tensors come
back on the CPU, without gradients; two that shared their memory come back as two.
"""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from typing import Any, BinaryIO

from mlwright.artifacts.codecs.arrays import mapped
from mlwright.artifacts.port import ArtifactStore, Blob
from mlwright.errors import MissingExtra

_RESERVED = "__metadata__"
_CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
_KINDS = {dict: "dict", OrderedDict: "state"}


class TensorsCodec:
    """A `torch.Tensor`, or a `dict` of `str` and `torch.Tensor` such as a module's `state_dict()`."""

    name = "tensors"
    kind = "blob"
    unsafe = False

    def accepts(self, value: Any) -> bool:
        """Tell whether the value is a dense tensor of numbers or a dict of names and such tensors."""
        torch = sys.modules.get("torch")
        if torch is None or not hasattr(torch, "Tensor"):
            return False
        if isinstance(value, torch.Tensor):
            return _is_plain(torch, value)
        if type(value) not in _KINDS or not value or _RESERVED in value:
            return False
        return all(
            type(name) is str and name.isprintable() and isinstance(tensor, torch.Tensor) and _is_plain(torch, tensor)
            for name, tensor in value.items()
        )

    def save(self, store: ArtifactStore, value: Any) -> Blob:
        """Store the tensors, their order kept."""
        torch = _torch()
        alone = isinstance(value, torch.Tensor)
        tensors = {"tensor": value} if alone else value
        about = {"format": "pt", "kind": "tensor" if alone else _KINDS[type(value)], "order": json.dumps(list(tensors))}
        header: dict[str, Any] = {_RESERVED: about}
        order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
        end = 0
        for name in order:
            tensor = tensors[name]
            start, end = end, end + tensor.numel() * tensor.element_size()
            code = _CODES[str(tensor.dtype).removeprefix("torch.")]
            header[name] = {"dtype": code, "shape": list(tensor.shape), "data_offsets": [start, end]}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)

        def write(file: BinaryIO) -> None:
            file.write(len(text).to_bytes(8, "little") + text)
            for name in order:
                if tensors[name].numel():
                    whole = tensors[name].detach().cpu().contiguous().reshape(-1)
                    file.write(memoryview(whole.view(torch.uint8).numpy()))

        return store.put(write)

    def load(self, store: ArtifactStore, digest: str) -> Any:
        """Return the tensors, mapped into memory."""
        torch = _torch()
        buffer = mapped(store.path(digest))
        start = 8 + int.from_bytes(buffer[:8], "little")
        header = json.loads(buffer[8:start])
        about = header.pop(_RESERVED)
        types = {code: getattr(torch, name) for name, code in _CODES.items()}

        def tensor_of(name: str) -> Any:
            entry = header[name]
            dtype, shape, offset = types[entry["dtype"]], entry["shape"], start + entry["data_offsets"][0]
            count = (entry["data_offsets"][1] - entry["data_offsets"][0]) // dtype.itemsize
            if not count:
                return torch.zeros(shape, dtype=dtype)
            return torch.frombuffer(buffer, dtype=dtype, count=count, offset=offset).reshape(shape)

        kept = [(name, tensor_of(name)) for name in json.loads(about["order"])]
        if about["kind"] == "tensor":
            return kept[0][1]
        return OrderedDict(kept) if about["kind"] == "state" else dict(kept)


def _is_plain(torch: Any, tensor: Any) -> bool:
    known = str(tensor.dtype).removeprefix("torch.") in _CODES
    return known and tensor.layout is torch.strided and type(tensor) in (torch.Tensor, torch.nn.Parameter)


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        what = "a tensor needs the package 'torch', which is not installed."
        raise MissingExtra(what, fix="pip install torch", package="torch") from None
    return torch
