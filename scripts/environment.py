"""Find a Python that Home Assistant runs on and make an environment for it below .venv.

Runs on any Python from 3.11, standard library only: it is what a fresh machine starts with.
Progress goes to stderr, so that `--print` can hand the interpreter to a shell on stdout.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
import hashlib
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv"

Version = tuple[int, int, int]

FLOORS: dict[tuple[int, int], Version] = {(3, 14): (3, 14, 2), (3, 13): (3, 13, 0)}
"""Lowest patch of each Python that has a lock: the current Home Assistant refuses 3.14.0 and 3.14.1."""

PROBE = (
    "import sys, sysconfig; print(*sys.version_info[:3], "
    "sys.implementation.name, sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
)
FETCH_TIMEOUT_S = 600
COMPILED = ("pymicro-vad", "pyspeex-noise")
"""Packages of the demo without a wheel for every Python: they need a C compiler."""


class SetupError(Exception):
    """Setting up failed; the message says what to do."""


@dataclass(frozen=True)
class Interpreter:
    """A Python that Home Assistant runs on."""

    path: Path
    version: Version

    @property
    def tag(self) -> str:
        """Name of its environment and part of the name of its lock."""
        return "py{}{}".format(*self.version)


def say(text: str) -> None:
    """Print progress, out of the way of `--print`."""
    print(text, file=sys.stderr, flush=True)


def probe(path: Path) -> Interpreter | None:
    """Return the interpreter at `path`, or None where it does not answer or Home Assistant refuses it."""
    try:
        answer = subprocess.run(
            [str(path), "-c", PROBE], capture_output=True, text=True, timeout=20, check=True
        ).stdout.split()
    except (OSError, subprocess.SubprocessError):
        return None  # a pyenv shim without a version behind it, a broken link, ...
    if answer[3:] != ["cpython", "0"]:
        return None
    version = (int(answer[0]), int(answer[1]), int(answer[2]))
    floor = FLOORS.get(version[:2])
    if floor is None or version < floor:
        return None
    return Interpreter(path, version)


def places(minor: tuple[int, int]) -> Iterator[Path]:
    """Yield where a Python 3.x may be: PATH, uv, pyenv, asdf, mise, own prefixes."""
    home = Path.home()
    version = "{}.{}".format(*minor)
    name = f"python{version}"
    for entry in os.get_exec_path():
        yield Path(entry) / name
    managers = {
        os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local/share/uv/python": "cpython-",
        Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions": "",
        Path(os.environ.get("ASDF_DATA_DIR") or home / ".asdf") / "installs/python": "",
        home / ".local/share/mise/installs/python": "",
    }
    for root, prefix in managers.items():
        for folder in Path(root).glob(f"{prefix}{version}*"):
            yield folder / "bin" / name
    for folder in (home / ".local", home / ".local" / name, Path("/opt") / name):
        yield folder / "bin" / name
        yield folder / "usr/bin" / name


def search(minor: tuple[int, int]) -> Interpreter | None:
    """Return the newest patch of Python 3.x on this machine that will do."""
    seen = set()
    found: list[Interpreter] = []
    for path in places(minor):
        if path.is_file() and path.resolve() not in seen:
            seen.add(path.resolve())
            interpreter = probe(path)
            if interpreter is not None:
                found.append(interpreter)
    return max(found, key=lambda each: each.version, default=None)


def choose(wanted: str | None) -> Interpreter:
    """Return the interpreter to use: `wanted` (a path, a command or 3.x), else the newest there is."""
    minors = list(FLOORS)
    if wanted:
        match = re.fullmatch(r"(?:python)?(3)\.(\d+)", wanted)
        if match is None:
            command = shutil.which(wanted)
            interpreter = probe(Path(command).absolute()) if command else None
            if interpreter is None:
                raise SetupError(
                    f"{wanted} is no Python that Home Assistant runs on: it takes {needed()}."
                )
            return interpreter
        minors = [minor for minor in FLOORS if minor == (3, int(match[2]))]
        if not minors:
            raise SetupError(f"There is no lock for Python {wanted}: it takes {needed()}.")
    for minor in minors:
        interpreter = search(minor)
        if interpreter is not None:
            return interpreter
    return fetch(minors[0])


def needed() -> str:
    """Name the Pythons that will do."""
    return " or ".join("{}.{} (from {}.{}.{})".format(*minor, *FLOORS[minor]) for minor in FLOORS)


def fetch(minor: tuple[int, int]) -> Interpreter:
    """Let uv download a Python, where uv may."""
    name = "{}.{}".format(*minor)
    say(f"No Python {name} found here; asking uv to fetch one ...")
    cause = "uv fetched none that will do"
    try:
        subprocess.run(
            [find_uv(), "python", "install", name],
            check=True,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as err:
        cause = (err.stderr.strip().splitlines() or [str(err)])[-1].strip(" .")
        cause = cause.removeprefix("cause: ")
    except subprocess.TimeoutExpired:
        cause = f"uv gave no answer within {FETCH_TIMEOUT_S} s"
    else:
        interpreter = search(minor)
        if interpreter is not None:
            return interpreter
    raise SetupError(
        f"There is no Python {name} here and none could be fetched ({cause}).\n"
        f"Home Assistant runs on Python {needed()}. Install one (your distribution, pyenv, "
        "`uv python install`) or name one: PYTHON=/path/to/python scripts/setup"
    )


def find_uv() -> str:
    """Return the path of uv, installing it below .venv/tools where the machine has none."""
    tools = VENVS / "tools"
    for candidate in (shutil.which("uv"), tools / "bin/uv"):
        if candidate and runs([str(candidate), "--version"]):
            return str(candidate)
    say("Installing uv into .venv/tools ...")
    shutil.rmtree(tools, ignore_errors=True)
    pip = [str(tools / "bin/python"), "-m", "pip", "install", "--quiet", "uv>=0.7"]
    flat = [*pip_command(), "install", "--quiet", "--target", str(tools), "uv>=0.7"]
    if runs([sys.executable, "-m", "venv", str(tools)]) and runs(pip):
        return str(tools / "bin/uv")
    shutil.rmtree(tools, ignore_errors=True)
    if runs(flat, show=True) and runs([str(tools / "bin/uv"), "--version"]):
        return str(tools / "bin/uv")
    raise SetupError(
        f"uv could not be installed with {sys.executable}: it has neither venv nor pip, or there is "
        "no network. Install uv yourself (any way its documentation names) and run this again."
    )


def pip_command() -> list[str]:
    """Return a pip, for a Python whose venv lacks one."""
    if runs([sys.executable, "-m", "pip", "--version"]):
        return [sys.executable, "-m", "pip"]
    return [shutil.which("pip3") or "pip3"]


def runs(command: list[str], *, show: bool = False) -> bool:
    """Tell whether `command` succeeds."""
    try:
        return subprocess.run(command, check=False, capture_output=not show).returncode == 0
    except OSError:
        return False


def locked(lock: Path, package: str) -> str:
    """Return the version of `package` in `lock`."""
    match = re.search(rf"^{re.escape(package)}==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
    return match[1] if match else "?"


def install(interpreter: Interpreter, *, demo: bool) -> Path:
    """Bring the environment of `interpreter` up to its locks; returns its Python."""
    venv = VENVS / interpreter.tag
    python = venv / "bin/python"
    locks = [ROOT / f"requirements_test_{interpreter.tag}.txt"]
    if demo:
        locks.append(ROOT / f"requirements_demo_{interpreter.tag}.txt")
    # The path is in the stamp because an environment that was copied elsewhere does not work.
    base = f"{venv}\n{interpreter.path.resolve()}\n{interpreter.version}\n"
    stamps = {
        lock: (venv / f"{lock.stem}.stamp", hashlib.sha256(base.encode() + lock.read_bytes()))
        for lock in locks
    }
    missing = [
        lock
        for lock, (stamp, digest) in stamps.items()
        if not (stamp.is_file() and stamp.read_text("utf-8") == digest.hexdigest())
    ]
    version = "{}.{}.{}".format(*interpreter.version)
    home_assistant = locked(locks[0], "homeassistant")
    say(f"Python {version} with Home Assistant {home_assistant} in .venv/{interpreter.tag}")
    if python.exists() and not missing:
        return python

    started = time.monotonic()
    uv = find_uv()
    if not python.exists() or locks[0] in missing:
        run_uv([uv, "venv", "--quiet", "--clear", "--python", str(interpreter.path), str(venv)])
        missing = locks
    for lock in missing:
        packages = len(re.findall(r"^[\w.\[\]-]+==", lock.read_text("utf-8"), re.MULTILINE))
        say(f"Installing {packages} packages of {lock.name} ...")
        command = [uv, "pip", "install", "--quiet", "--python", str(python)]
        try:
            run_uv([*command, "-r", str(lock)])
        except SetupError:
            if lock is locks[0]:
                raise
            install_without_compiler(command, lock)
            continue  # without a stamp: the next run tries again
        stamp, digest = stamps[lock]
        stamp.write_text(digest.hexdigest(), "utf-8")
    say(f"Ready after {time.monotonic() - started:.0f} s")
    return python


def install_without_compiler(command: list[str], lock: Path) -> None:
    """Install what a machine without C compiler can, and say what that costs."""
    say(
        f"{' and '.join(COMPILED)} could not be compiled: Home Assistant runs without them, but "
        "its pages may hang on 'Loading data'. Install a C compiler and Python's headers "
        "(Debian: apt-get install build-essential python3-dev) and run this again."
    )
    lines = lock.read_text("utf-8").splitlines()
    run_uv([*command, *(line for line in lines if "==" in line and not line.startswith(COMPILED))])


def run_uv(command: list[str]) -> None:
    """Run uv, showing what it says."""
    # uv's stdout joins ours on stderr: stdout belongs to `--print`.
    if subprocess.run(command, check=False, stdout=sys.stderr.fileno()).returncode:
        raise SetupError(f"Failed: {' '.join(command)}")


def main() -> int:
    """Parse the command line and set up."""
    parser = argparse.ArgumentParser(prog="scripts/setup", description=__doc__)
    parser.add_argument(
        "--python",
        default=os.environ.get("PYTHON"),
        metavar="PY",
        help="a path, a command or a version such as 3.14 (default: $PYTHON, else the newest)",
    )
    parser.add_argument("--demo", action="store_true", help="also what the demo needs")
    parser.add_argument(
        "--print", action="store_true", help="print the environment's Python on stdout"
    )
    parser.add_argument("--which", action="store_true", help="only print which Python it would use")
    parser.add_argument("--uv", action="store_true", help="only print the path of uv")
    arguments = parser.parse_args()
    try:
        if arguments.uv:
            print(find_uv())
            return 0
        if arguments.which:
            print(choose(arguments.python).path)
            return 0
        python = install(choose(arguments.python), demo=arguments.demo)
    except SetupError as err:
        say(f"setup: {err}")
        return 1
    if arguments.print:
        print(python)
    return 0


if __name__ == "__main__":
    sys.exit(main())
