"""The examples that an administrator copies: they are what they claim to be."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from hub_config import spawner, views

EXAMPLES = Path(views.__file__).parent / "examples"


def objects(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text()))


@pytest.mark.parametrize("name", ["storage.yaml", "views.yaml"])
def test_objects_of_kubernetes_fit_its_schema(name: str) -> None:
    """With unknown fields refused."""
    for one in objects(name):
        kubernetes_validate.validate(one, kubernetes_validate.latest_version(), strict=True)


def test_the_process_of_the_views_has_the_options_that_the_example_gives() -> None:
    """Module and options by name."""
    [row] = objects("views.yaml")[0]["spec"]["template"]["spec"]["containers"]
    assert "hub_config.views" in row["command"]
    source = inspect.getsource(views.main)
    assert all(f'"{word}"' in source for word in row["command"] if word.startswith("--"))


def test_the_lines_of_the_helm_chart_are_python_that_fits() -> None:
    """They name what there is, and never a group for files."""
    [values] = objects("zero-to-jupyterhub.yaml")
    lines = ast.parse(values["hub"]["extraConfig"]["10-modama"])
    names = {alias.name for node in ast.walk(lines) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert {"spawner_class", "described"} <= names
    inspect.signature(spawner.spawner_class).bind(None, "/etc/modama/site.toml")
    assert values["singleuser"]["fsGid"] is None
    assert values["singleuser"]["uid"] is None
