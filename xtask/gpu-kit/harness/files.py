"""Files that appear whole, and the parts of safetensors files that the kit reads."""

import array
import json
import os
from pathlib import Path
from typing import Any


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a kill leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON, whole."""
    write_whole(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def append_line(path: Path, value: Any) -> None:
    """Append a line of JSON. A line that an earlier kill left incomplete gets an end of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the complete lines of a file of JSON lines; none if there is no file."""
    found = []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header of a safetensors file, and where its data starts."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(length)), 8 + length


def digest(path: Path) -> str:
    """Return the digest of the tensors that our programs write into a file's metadata."""
    return json.loads(header(path)[0]["__metadata__"]["fissionfusion"])["digest"]


def floats(path: Path, name: str) -> array.array:
    """Return a tensor of 32-bit floats, flat."""
    fields, start = header(path)
    tensor = fields[name]
    if tensor["dtype"] != "F32":
        raise ValueError(f"{path}: `{name}`: expected F32, found {tensor['dtype']}")
    low, high = tensor["data_offsets"]
    with open(path, "rb") as file:
        file.seek(start + low)
        values = array.array("f")
        values.frombytes(file.read(high - low))
    return values
