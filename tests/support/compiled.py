"""Templates compiled once for a whole run, however many apps and servers render them.

Jinja compiles a template in some 30 ms when an app first renders it, a page has a dozen, and a run builds hundreds of
apps. Each is found by its name and a digest of its text, so what is kept is never older than the template.
"""

from pathlib import Path

from flask import Flask
from jinja2 import FileSystemBytecodeCache


def keep_compiled_templates(folder: Path) -> None:
    """Let every app that this process makes from now on keep compiled templates in `folder`."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": FileSystemBytecodeCache(str(folder))}
