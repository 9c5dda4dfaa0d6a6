"""Which Python the setup takes, and what it says when there is none."""

from pathlib import Path

import pytest

from scripts import environment


def fake_python(
    folder: Path, version: str, *, name: str | None = None, tail: str = "cpython 0"
) -> Path:
    """Make a command that answers the probe as Python `version` would."""
    folder.mkdir(parents=True, exist_ok=True)
    major, minor, patch = version.split(".")
    path = folder / (name or f"python{major}.{minor}")
    path.write_text(f"#!/bin/sh\necho {major} {minor} {patch} {tail}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Python that would do, and where uv may not fetch one."""
    for variable in ("PYENV_ROOT", "ASDF_DATA_DIR", "UV_PYTHON_INSTALL_DIR", "PYTHON"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    uv = tmp_path / "bin/uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\n[ "$1" = --version ] || { echo "downloads are off" >&2; exit 1; }\n')
    uv.chmod(0o755)
    return tmp_path


def test_the_newest_python_wins_wherever_it_is(machine: Path) -> None:
    fake_python(machine / "bin", "3.13.9")
    fake_python(machine / ".pyenv/versions/3.14.3/bin", "3.14.3")
    newest = fake_python(machine / ".local/python3.14/usr/bin", "3.14.8")
    assert environment.choose(None) == environment.Interpreter(newest, (3, 14, 8))


@pytest.mark.parametrize(
    "manager",
    [
        ".pyenv/versions/3.13.0",
        ".asdf/installs/python/3.13.2",
        ".local/share/mise/installs/python/3.13.1",
        ".local/share/uv/python/cpython-3.13.4-linux-x86_64-gnu",
    ],
)
def test_a_python_of_a_version_manager_is_found(machine: Path, manager: str) -> None:
    path = fake_python(machine / manager / "bin", "3.13.1")
    assert environment.choose(None).path == path


def test_an_early_3_14_is_passed_over_because_home_assistant_refuses_it(machine: Path) -> None:
    fake_python(machine / "bin", "3.14.1")
    path = fake_python(machine / "bin", "3.13.0")
    assert environment.choose(None).path == path


@pytest.mark.parametrize("tail", ["cpython 1", "pypy 0"])
def test_a_python_without_gil_or_of_another_kind_is_passed_over(machine: Path, tail: str) -> None:
    path = fake_python(machine / "bin", "3.14.8", tail=tail)
    assert environment.probe(path) is None


def test_a_broken_shim_is_passed_over(machine: Path) -> None:
    shim = fake_python(machine / "bin", "3.14.8")
    shim.write_text("#!/bin/sh\necho 'version not installed' >&2\nexit 127\n")
    path = fake_python(machine / ".pyenv/versions/3.13.0/bin", "3.13.0")
    assert environment.choose(None).path == path


def test_a_version_can_be_asked_for(machine: Path) -> None:
    fake_python(machine / "bin", "3.14.8")
    path = fake_python(machine / "bin", "3.13.0")
    assert environment.choose("3.13").path == path
    assert environment.choose(str(path)).path == path


@pytest.mark.parametrize("wanted", ["3.12", "/usr/bin/true", "no-such-python"])
def test_a_python_that_will_not_do_is_refused_with_what_is_needed(wanted: str) -> None:
    with pytest.raises(environment.SetupError, match=r"3\.14 \(from 3\.14\.2\)"):
        environment.choose(wanted)


def test_without_any_python_the_error_names_the_cause_and_the_way_out() -> None:
    with pytest.raises(environment.SetupError, match="downloads are off") as err:
        environment.choose(None)
    assert "PYTHON=/path/to/python scripts/setup" in str(err.value)


@pytest.mark.parametrize("minor", environment.FLOORS)
def test_each_supported_python_has_locks_free_of_addresses(minor: tuple[int, int]) -> None:
    tag = environment.Interpreter(Path(), (*minor, 0)).tag
    for kind in ("test", "demo"):
        text = (environment.ROOT / f"requirements_{kind}_{tag}.txt").read_text()
        assert "==" in text
        assert "://" not in text
        assert "--hash" not in text
        assert " @ " not in text
