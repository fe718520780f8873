"""YAML to settings structs, with the file, line and key of everything that is wrong.

msgspec alone stops at the first mistake and knows no lines, so the document is walked node by node
beside the struct types. All mistakes are collected; a null value means the key is absent.
"""

from __future__ import annotations

import difflib
import types
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from goleakprobe.errors import ConfigError, Problem
from goleakprobe_agents.settings import decode_setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ENVIRONMENT_MARK", "SettingsReader", "child_node", "compose_document", "start_of"]

_NULL = "tag:yaml.org,2002:null"
_MAP = "tag:yaml.org,2002:map"

ENVIRONMENT_MARK = "environment variable "
"""How the place of a value begins that stands in no file."""

_ABSENT: Any = object()


def compose_document(text: str, file_name: str) -> yaml.MappingNode:
    """Parse one YAML document into nodes; ConfigError where it is no mapping or no YAML."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        reason = error.problem or error.context or "damaged"
        raise ConfigError([Problem(f"{file_name}:{line}", "", f"not YAML: {reason}")]) from error
    except RecursionError as error:
        raise ConfigError([Problem(file_name, "", "not YAML: nested too deeply")]) from error
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise ConfigError([Problem(file_name, "", f"not YAML: {reason}")]) from error
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _NULL):
        return yaml.MappingNode(_MAP, [], start_of(file_name), start_of(file_name))
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError([Problem(f"{file_name}:1", "", "the file must hold keys and values")])
    return node


def child_node(parent: yaml.Node, key: str) -> yaml.Node | None:
    """The value of a key of a mapping, None where it has none or is no mapping."""
    if isinstance(parent, yaml.MappingNode):
        for name, child in parent.value:
            if name.value == key:
                return child  # type: ignore[no-any-return]
    return None


def start_of(name: str) -> yaml.Mark:
    """The place of something that stands in ``name`` as a whole."""
    return yaml.Mark(name, 0, 0, 0, None, 0)


class SettingsReader:
    """Turns nodes into structs and remembers where each key stood.

    ``problems`` grows with every mistake; ``where`` answers for keys that later checks object to.
    """

    def __init__(self, file_name: str) -> None:
        self.problems: list[Problem] = []
        self._file_name = file_name
        self._places: dict[str, str] = {}

    def where(self, key: str) -> str:
        """The place of a key, of its nearest enclosing key that was set, or of the file."""
        while key and key not in self._places:
            cut = max(key.rfind("."), key.rfind("["))
            key = key[: max(cut, 0)]
        return self._places.get(key, self._file_name)

    def object_to(self, key: str, text: str) -> None:
        """Note a mistake in a key that was read before."""
        self.problems.append(Problem(self.where(key), key, text))

    def read(self, node: yaml.MappingNode, kind: type[Any]) -> Any:
        """The struct a whole document stands for.

        Meaningless while there are problems: what cannot be read takes its default.
        """
        fields = self._struct_fields(node, kind, "")
        if self.problems:
            raise ConfigError(self.problems)
        return kind(**fields)

    def _value(self, node: yaml.Node, kind: Any, key: str) -> Any:
        self._places[key] = self._place(node)
        if isinstance(node, yaml.ScalarNode) and node.tag == _NULL:
            return _ABSENT
        kind = _without_none(kind)
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            return self._struct(node, kind, key)
        if get_origin(kind) is tuple:
            return self._sequence(node, get_args(kind)[0], key)
        if get_origin(kind) is dict:
            return self._texts(node, key)
        return self._scalar(node, kind, key)

    def _struct(self, node: yaml.Node, kind: type[Any], key: str) -> Any:
        if not isinstance(node, yaml.MappingNode):
            self.object_to(key, "must hold keys and values")
            return _ABSENT
        before = len(self.problems)
        fields = self._struct_fields(node, kind, key)
        return kind(**fields) if len(self.problems) == before else _ABSENT

    def _struct_fields(self, node: yaml.MappingNode, kind: type[Any], key: str) -> dict[str, Any]:
        known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        hints = get_type_hints(kind)
        values: dict[str, Any] = {}
        for name, child in self._pairs(node, key):
            path = f"{key}.{name}" if key else name
            if name not in known:
                self.problems.append(Problem(self._place(child), path, _unknown(name, known)))
                continue
            value = self._value(child, hints[known[name].name], path)
            if value is not _ABSENT:
                values[known[name].name] = value
        for name, field in known.items():
            path = f"{key}.{name}" if key else name
            if field.required and field.name not in values and not self._has_problem(path):
                self.problems.append(Problem(self._place(node), path, "is missing"))
        return values

    def _has_problem(self, key: str) -> bool:
        return any(problem.key.startswith(key) for problem in self.problems)

    def _pairs(self, node: yaml.MappingNode, key: str) -> Iterator[tuple[str, yaml.Node]]:
        seen: set[str] = set()
        for name, child in node.value:
            path = f"{key}.{name.value}" if key else str(name.value)
            if not isinstance(name, yaml.ScalarNode):
                self.problems.append(Problem(self._place(name), key, "a key must be plain text"))
            elif name.value in seen:
                self.problems.append(Problem(self._place(name), path, "is set twice"))
            else:
                seen.add(name.value)
                yield name.value, child

    def _sequence(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if isinstance(node, yaml.ScalarNode) and kind is str:
            return tuple(part for part in (p.strip() for p in node.value.split(",")) if part)
        if not isinstance(node, yaml.SequenceNode):
            self.object_to(key, "must be a list")
            return _ABSENT
        items = [self._value(child, kind, f"{key}[{i}]") for i, child in enumerate(node.value)]
        return tuple(item for item in items if item is not _ABSENT)

    def _texts(self, node: yaml.Node, key: str) -> Any:
        if not isinstance(node, yaml.MappingNode):
            self.object_to(key, "must hold keys and values")
            return _ABSENT
        values = {}
        for name, child in self._pairs(node, key):
            path = f"{key}.{name}"
            self._places[path] = self._place(child)
            if isinstance(child, yaml.ScalarNode):
                values[name] = str(child.value)
            else:
                self.object_to(path, "must be plain text")
        return values

    def _scalar(self, node: yaml.Node, kind: Any, key: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            self.object_to(key, "must be a single value")
            return _ABSENT
        if kind is str:
            return str(node.value)
        try:
            value = yaml.constructor.SafeConstructor().construct_object(node)
            return msgspec.convert(value, kind, strict=False, dec_hook=decode_setting)
        except (msgspec.ValidationError, ValueError) as error:
            self.object_to(key, str(error).removesuffix(" - at `$`"))
            return _ABSENT

    def _place(self, node: yaml.Node) -> str:
        mark = node.start_mark
        if mark is None:
            return self._file_name
        if mark.name.startswith(ENVIRONMENT_MARK):
            return str(mark.name)
        return f"{self._file_name}:{mark.line + 1}"


# Prometheus' keys that mean something else here, and secrets that must not stand in the file.
_HINTS = {
    "password": "secrets are read from files; use password_file",
    "credentials": "secrets are read from files; use credentials_file",
    "bearer_token": "secrets are read from files; use authorization.credentials_file",
    "bearer_token_file": "use authorization.credentials_file",
    "relabel_configs": "relabelling is not done here; set labels in the target list instead",
    "<<": "merge keys are not read; repeat the keys",
    "params": "the pprof endpoints are asked with parameters of their own",
    "kubernetes_sd_configs": "let Prometheus or a sidecar write a file for file_sd_configs",
    "http_sd_configs": "fetch the list into a file for file_sd_configs",
}


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    if name in _HINTS:
        return f"is not a key here: {_HINTS[name]}"
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"is not a key here; did you mean {close[0]}?"
    return f"is not a key here; known are {', '.join(sorted(known))}"


def _without_none(kind: Any) -> Any:
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return kinds[0] if len(kinds) == 1 else kind
    return kind
