"""The two installations of a move."""

import pytest
from flask import Flask

from tests.support.databases import Worker


@pytest.fixture(params=[("sqlite", "postgresql"), ("postgresql", "sqlite")], ids="-to-".join)
def installations(request: pytest.FixtureRequest, worker: Worker) -> tuple[Flask, Flask]:
    """Two installations on the two databases, both empty."""
    apps = []
    for kind in request.param:
        bench, app = worker.get(kind)
        bench.clean(app)
        apps.append(app)
    return apps[0], apps[1]
