"""What an order over JSON is compared with: a bare Flask view that runs the same statements by bare psycopg.

It takes the same request and answers as many bytes, but looks at nothing: no key, no model, no rule, no rights. Served
by `floor.bare_server`.
"""

import json
import os
import threading
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask, Response, request

APP = "bench.support.bare_checkout:make_app()"
PLAN = "plan.json"


def write_plan(folder: Path, url: str, steps: list[list[str]], answer: str) -> None:
    """Write what the view needs: the database, the statements of one order, and what it answers."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PLAN).write_text(json.dumps({"url": url, "steps": steps, "answer": answer}))


def make_app() -> Flask:
    """Build the bare application."""
    plan = json.loads((Path(os.environ["BENCH_FLOOR"]) / PLAN).read_text())
    app = Flask("bare")
    own = threading.local()

    @app.get("/nothing")
    def nothing() -> str:
        return "ok"

    @app.post("/api/commerce/checkout")
    def checkout() -> Response:
        first, second = request.get_json()["items"]
        values = {
            "n": int(request.headers["Idempotency-Key"].rpartition("-")[2]),
            "a": int(first["productCode"].rpartition("-")[2]),
            "b": int(second["productCode"].rpartition("-")[2]),
        }
        if not hasattr(own, "connection"):
            own.connection = psycopg.connect(plan["url"], prepare_threshold=0)
        run(own.connection, plan["steps"], values)
        return Response(plan["answer"], 201, mimetype="application/json")

    return app


def run(connection: psycopg.Connection[Any], steps: list[list[str]], values: dict[str, int]) -> None:
    """Run the statements in one transaction; those of a step go out together."""
    for step in steps:
        if len(step) > 1:
            with connection.pipeline():
                for statement in step:
                    connection.execute(statement.encode(), values)
        else:
            connection.execute(step[0].encode(), values)
    connection.commit()
