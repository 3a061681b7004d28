"""Rewrites the generated pages: the reference, the codes, the JSON Schema, and the how-to on deploys that fail."""

from __future__ import annotations

import json
from pathlib import Path

from fsdcf.catalogue import catalogue
from fsdcf.compiler.dependencies import types
from fsdcf.deploy.reasons_page import failures_page
from fsdcf.spec.jsonschema import json_schema
from fsdcf.spec.reference import codes_page, reference_page


def pages() -> dict[str, str]:
    """The generated files by their path from the root."""
    return {
        "docs/reference.md": reference_page(types()),
        "docs/codes.md": codes_page(catalogue()),
        "docs/how-to/my-deploy-fails.md": failures_page(),
        "docs/fsd-v1.schema.json": json.dumps(json_schema(types()), indent=2) + "\n",
    }


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    for name, text in pages().items():
        (root / name).write_text(text, encoding="utf-8")
        print(f"wrote {name}")
