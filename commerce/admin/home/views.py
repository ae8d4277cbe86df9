"""The first page of the back office."""

from __future__ import annotations

from flask import render_template

from commerce.admin.auth import blueprint, may, requires_permission
from commerce.admin.home.queries import MOST, setup_steps, what_waits
from commerce.admin.reports.chart import bar_chart
from commerce.admin.reports.period import USUAL, chosen_period
from commerce.reports.queries import sales_by, sales_by_day, sales_of
from commerce.reports.services import refresh_sales

TOP = 5


@blueprint.get("/")
@requires_permission("orders.view")
def home() -> str:
    """Show what waits; to those who may see figures, also how the shop does, beside the period before."""
    steps = setup_steps() if may("settings.change") else []
    if not may("reports.view"):
        return render_template(
            "admin/home/home.html", waiting=what_waits(), most=MOST, steps=steps, chosen=None
        )
    whole = refresh_sales()
    chosen = chosen_period()
    period = chosen.period
    return render_template(
        "admin/home/home.html",
        waiting=what_waits(),
        most=MOST,
        steps=steps,
        chosen=chosen,
        usual=USUAL,
        whole=whole,
        now=sales_of(period),
        before=sales_of(period.before),
        chart=bar_chart({day: sales.net for day, sales in sales_by_day(period).items()}),
        best={
            name: sales_by(name, period, TOP)
            for name in ("product", "category", "country", "payment_method", "coupon")
        },
    )
