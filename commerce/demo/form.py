"""What a drawable thing consists of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from commerce.demo.mesh import Part
from commerce.demo.render import View


@dataclass(frozen=True)
class Form:
    """A shape by its builder, how it is looked at, and every colour slot with its default."""

    build: Callable[[], Sequence[Part]]
    view: View
    colours: Mapping[str, str]
