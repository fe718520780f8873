"""Function names fold to what every build of the same code has in common."""

from __future__ import annotations

import pytest

from goleakprobe.profiles import normal_function, package_of
from goleakprobe.profiles.symbols import is_runtime, is_waiting_machinery, is_wrapper


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # closure and wrapper numbers
        ("main.run.func1", "main.run.func7"),
        ("main.run.func1.2", "main.run.func2.1.3"),
        ("main.run.func1.func2", "main.run.func1.2"),
        ("main.run.gowrap1", "main.run.func3"),
        ("main.run.deferwrap2", "main.run.func1"),
        ("os/signal.Notify.func1.1", "os/signal.Notify.func2.1"),
        ("main.run-range1", "main.run-range2"),
        ("main.run.func2-range1", "main.run.func1"),
        # closures of inlined functions: the old names start with the caller
        ("main.main.start.func2", "main.start.func1"),
        ("main.main.func1.start.func2", "main.start.func1"),
        ("main.main.(*Pool).start.func2", "main.(*Pool).start.func1"),
        # type arguments in text and protobuf
        ("main.Await[...]", "main.Await[go.shape.int]"),
        ("main.(*Box[...]).Wait", "main.(*Box[go.shape.struct { a int; b [2]string }]).Wait"),
        ("main.Map[...].func1", "main.Map[go.shape.map[string]example.com/x.T].func2"),
        ("example.com/a.F[...]", "example.com/a.F[example.com/b/c.T,go.shape.int]"),
        # import paths
        ("example.com/shop/vendor/example.com/lib.Do", "example.com/lib.Do"),
        ("vendor/golang.org/x/net/http2.Run", "golang.org/x/net/http2.Run"),
        ("example.com/lib/v2.Do", "example.com/lib/v3.Do"),
        ("example.com/lib/v2/sub.(*T).Do", "example.com/lib/sub.(*T).Do"),
        ("gopkg.in/yaml%2ev2.Unmarshal", "gopkg.in/yaml.v3.Unmarshal"),
        # initialisers and method values
        ("main.glob..func1", "main.init.func4"),
        ("main.init.0", "main.init.1"),
        ("main.(*T).Run-fm", "main.(*T).Run"),
    ],
)
def test_spellings_of_one_function_fold_together(one: str, other: str) -> None:
    assert normal_function(one) == normal_function(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("main.run1", "main.run2"),
        ("main.run", "main.run.func1"),
        ("main.(*A).run", "main.(*B).run"),
        ("main.(*A).run.func1", "main.(*B).run.func1"),
        ("main.A.run", "main.B.run"),
        ("example.com/a.run", "example.com/b.run"),
        ("example.com/a.run.func1", "example.com/b.run.func1"),
        ("main.version2", "main.version3"),
        ("example.com/video.Play", "example.com/vid.Play"),
        ("main.func1er", "main.func2er"),
    ],
)
def test_different_functions_stay_apart(one: str, other: str) -> None:
    assert normal_function(one) != normal_function(other)


@pytest.mark.parametrize(
    ("function", "package"),
    [
        ("main.main", "main"),
        ("net/http.(*conn).serve", "net/http"),
        ("example.com/a/b.(*T[example.com/c.D]).Do", "example.com/a/b"),
        ("example.com/a%2eb.Do", "example.com/a.b"),
        ("gopkg.in/yaml.v3.Unmarshal", "gopkg.in/yaml.v3"),
        ("github.com/x/y.Z[...].func1", "github.com/x/y"),
        ("_cgoexp_123", ""),
    ],
)
def test_the_owning_package_is_found(function: str, package: str) -> None:
    assert package_of(function) == package


def test_the_runtime_is_told_from_packages_below_its_path() -> None:
    assert is_runtime("runtime.gopark")
    assert is_runtime("internal/runtime/maps.(*Map).Get")
    assert not is_runtime("runtime/pprof.Do")
    assert not is_runtime("runtimes.Run")


def test_waiting_machinery_is_what_carries_out_a_wait() -> None:
    for name in ("sync.(*Mutex).Lock", "internal/poll.(*FD).Read", "time.Sleep", "syscall.Read"):
        assert is_waiting_machinery(name)
    for name in ("net.(*conn).Read", "time.SleepWell", "main.sync", "syncthing.Run"):
        assert not is_waiting_machinery(name)


def test_wrappers_are_the_frames_the_compiler_made() -> None:
    assert is_wrapper("main.run.gowrap12")
    assert is_wrapper("main.(*T).Run-fm")
    assert not is_wrapper("main.run.func1")


@pytest.mark.parametrize("name", ["", ".", "[", "]]", "a.[", "...", "main.", "%zz", "a/b/"])
def test_no_name_is_too_odd(name: str) -> None:
    assert normal_function(name) == normal_function(name)
    assert isinstance(package_of(name), str)
