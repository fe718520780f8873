"""Names of Go functions: which package owns them, and what of a name survives a rebuild.

Symbol names follow ``cmd/internal/objabi`` (escapes) and ``cmd/compile/internal/ir``
(closures, see golang/go#60324 for inlined ones and golang/go#55980 for nested ones).
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["is_runtime", "is_waiting_machinery", "is_wrapper", "normal_function", "package_of"]

_ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
_MAJOR_VERSION = re.compile(r"/v\d+(?=[/.]|$)|\.v\d+(?=[/.]|$)")
_CLOSURE = re.compile(r"(?:\.(?:func\d+|gowrap\d+|deferwrap\d+|\d+)|\.?func·\d+|-range\d+)+$")
_WRAPPER = re.compile(r"(?:\.(?:gowrap|deferwrap)\d+|-fm)$")
_INIT = re.compile(r"\.(?:glob\.|init(?:\.\d+)?)(?=\.|$)")

_RUNTIME_PREFIXES = ("runtime.", "internal/runtime/", "runtime/internal/")
# What stands between the code that waits and the scheduler. internal/poll's exported methods
# are how every os and net call waits; the caller in os or net is the place worth naming.
_MACHINERY_PREFIXES = (
    *_RUNTIME_PREFIXES,
    "sync.",
    "internal/sync.",
    "internal/poll.",
    "internal/race.",
    "internal/syscall/",
    "internal/synctest.",
    "syscall.",
    "reflect.rselect",
    "reflect.select0",
    "reflect.chan",
    "os.(*Process).",
    "os.ignoringEINTR",
)
_MACHINERY = frozenset(
    {
        "time.Sleep",
        "panic",
        "reflect.Select",
        "reflect.Value.Recv",
        "reflect.Value.recv",
        "reflect.Value.Send",
        "reflect.Value.send",
    }
)


def is_runtime(function: str) -> bool:
    """Whether text profiles would hide this frame at the leaf, or print it as ``panic``."""
    return function.startswith(_RUNTIME_PREFIXES) or function == "panic"


def is_waiting_machinery(function: str) -> bool:
    """Whether a frame at the leaf only carries out the waiting."""
    return function in _MACHINERY or function.startswith(_MACHINERY_PREFIXES)


@lru_cache(maxsize=65536)
def is_wrapper(function: str) -> bool:
    """Whether the compiler made this frame; endpoints hide it, crash dumps show it."""
    return _WRAPPER.search(function) is not None


@lru_cache(maxsize=65536)
def package_of(function: str) -> str:
    """Import path of the package that owns a function; versions and vendoring kept."""
    return _unescaped(_split(function)[0])


@lru_cache(maxsize=65536)
def normal_function(function: str) -> str:
    """What of a function's name is the same in every build of the same code.

    Folded: vendor folders, major versions in import paths, type arguments (``[...]``), closure,
    go-wrapper, defer-wrapper and range-body numbers (all read ``.func``), functions that were
    inlined around a closure (Go up to 1.26 puts their names in front), numbered ``init``
    functions, escapes. A closure loses a value receiver's type: it cannot be told from a
    function inlined around it.

    >>> normal_function("example.com/shop/v2/cart.(*Store[go.shape.int]).Load.func2.1")
    'example.com/shop/cart.(*Store[...]).Load.func'
    >>> normal_function("main.main.start.gowrap3") == normal_function("main.start.func1")
    True
    """
    path, name = _split(function)
    path = _unescaped(path).rsplit("/vendor/", 1)[-1].removeprefix("vendor/")
    path = _MAJOR_VERSION.sub("", path)
    name = _fold_type_arguments(_unescaped(name).removesuffix("-fm"))
    name = _INIT.sub(".init", "." + name)[1:]
    owner = _CLOSURE.sub("", name)
    if owner != name:
        name = _innermost(owner) + ".func"
    return f"{path}.{name}"


def _unescaped(function: str) -> str:
    if "%" not in function:
        return function
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), function)


def _split(function: str) -> tuple[str, str]:
    """Split ``path/to/pkg.name`` at the package's end; type arguments may hold slashes."""
    bracket = function.find("[")
    slash = function.rfind("/", 0, bracket if bracket >= 0 else len(function))
    paren = function.find(".(", 0, bracket if bracket >= 0 else len(function))
    if 0 <= paren < slash:
        slash = function.rfind("/", 0, paren)
    dot = function.find(".", slash + 1)
    # gopkg.in/yaml.v3.Unmarshal: the version belongs to the path.
    version = _MAJOR_VERSION.match(function, dot) if dot >= 0 else None
    if version is not None and version.end() < len(function):
        dot = version.end()
    if dot < 0:
        return "", function
    return function[:dot], function[dot + 1 :]


def _fold_type_arguments(name: str) -> str:
    if "[" not in name:
        return name
    kept: list[str] = []
    depth = 0
    for char in name:
        if char == "[":
            if depth == 0:
                kept.append("[...]")
            depth += 1
        elif char == "]":
            depth = max(0, depth - 1)
        elif depth == 0:
            kept.append(char)
    return "".join(kept)


def _innermost(owner: str) -> str:
    """The function a closure was written in: the last name, with a pointer receiver if any."""
    shielded = owner.replace("[...]", "[]")
    receiver, dot, name = shielded.rpartition(".")
    if dot and receiver.endswith(")"):
        start = receiver.rfind("(")
        name = f"{receiver[start:]}.{name}"
    return name.replace("[]", "[...]")
