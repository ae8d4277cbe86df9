"""Carry out plans in the background, a few rows of each in turn."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable

from commerce.bulk.queries import find_running
from commerce.bulk.services import do_next_rows, give_up_row
from commerce.errors import Busy, CommerceError, Unavailable
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope

log = logging.getLogger("commerce.bulk")
CHUNKS = 25
"""Chunks of one plan before the next plan has its turn."""
SINGLY = 200
"""Rows that are done one by one after a chunk has failed: the largest chunk of any kind."""


class RowFailed(CommerceError):
    """A row could not be changed for a reason that nobody foresaw; the log has it."""

    code = "row_failed"


def run_bulk_plans(stop: Callable[[], bool] = lambda: False) -> int:
    """Do the next rows of every plan that is at work; return how many rows. `stop`: the process is asked to end."""
    count = 0
    for plan in find_running():
        if stop():
            break
        with shop_scope(get_shop(plan.tenant_id)):
            count += _run(plan.id, stop)
    return count


def _run(plan_id: uuid.UUID, stop: Callable[[], bool]) -> int:
    count = 0
    for _ in range(CHUNKS):
        done = 0 if stop() else _do(plan_id)
        if not done:
            break
        count += done
    return count


def _do(plan_id: uuid.UUID) -> int:
    """Do a chunk; when anything in it fails, its rows one by one, so that only the culprit is left out."""
    try:
        return do_next_rows(plan_id)
    except Unavailable:
        return 0
    except Exception:
        # Not raised: whatever it was, the rows beside the culprit are to be changed; its own is refused below.
        log.exception("a chunk of plan %s failed; its rows are done one by one", plan_id)
    for done in range(SINGLY):
        try:
            if not do_next_rows(plan_id, 1):
                return done
        except Busy:
            return done
        except Exception as error:
            log.exception("a row of plan %s was left out", plan_id)
            known = error if isinstance(error, CommerceError) else RowFailed("bulk_row_failed")
            give_up_row(plan_id, known)
    return SINGLY
