"""Environment variables laid over the configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from goleakprobe.config.located_yaml import ENVIRONMENT_MARK, child_node, start_of
from goleakprobe.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["overlay_environment"]

_NULL = "tag:yaml.org,2002:null"
_STR = "tag:yaml.org,2002:str"
_MAP = "tag:yaml.org,2002:map"


def overlay_environment(
    root: yaml.MappingNode, environment: Mapping[str, str], prefix: str
) -> list[Problem]:
    """Lay variables such as ``GOLEAKPROBE_BROKER__PARTITIONS`` over the document.

    ``__`` divides the levels and a number counts the items of a list from 0. A variable without
    ``__`` is not a setting. Values are text, or YAML in brackets or braces.
    """
    problems = []
    for name in sorted(environment):
        path = name.removeprefix(prefix).lower().split("__")
        if not name.startswith(prefix) or len(path) < 2:
            continue
        where = ENVIRONMENT_MARK + name
        try:
            _put(root, path, _environment_node(environment[name], where))
        except (yaml.YAMLError, LookupError) as error:
            reason = str(error).splitlines()[0]
            problems.append(Problem(where, ".".join(path), f"cannot be applied: {reason}"))
    return problems


def _environment_node(value: str, where: str) -> yaml.Node:
    mark = start_of(where)
    if not value.lstrip().startswith(("[", "{")):
        return yaml.ScalarNode(_STR, value, mark, mark)
    node = yaml.compose(value, Loader=yaml.SafeLoader)
    assert node is not None
    _move(node, mark)
    return node


def _move(node: yaml.Node, mark: yaml.Mark) -> None:
    node.start_mark = node.end_mark = mark
    children = node.value if isinstance(node.value, list) else []
    for child in children:
        for part in child if isinstance(child, tuple) else (child,):
            _move(part, mark)


def _put(parent: yaml.Node, path: list[str], value: yaml.Node) -> None:
    step, rest = path[0], path[1:]
    if isinstance(parent, yaml.SequenceNode):
        if not step.isdigit() or int(step) >= len(parent.value):
            raise LookupError(f"the list has no item {step}")
        if rest:
            _put(parent.value[int(step)], rest, value)
        else:
            parent.value[int(step)] = value
        return
    if not isinstance(parent, yaml.MappingNode):
        raise LookupError(f"there is nothing below it to set {step} in")
    child = child_node(parent, step) if rest else value
    if child is None or (isinstance(child, yaml.ScalarNode) and child.tag == _NULL and rest):
        child = yaml.MappingNode(_MAP, [], value.start_mark, value.end_mark)
    _assign(parent, step, child)
    if rest:
        _put(child, rest, value)


def _assign(parent: yaml.MappingNode, key: str, value: yaml.Node) -> None:
    name = yaml.ScalarNode(_STR, key, value.start_mark, value.end_mark)
    kept = [pair for pair in parent.value if pair[0].value != key]
    parent.value[:] = [*kept, (name, value)]
