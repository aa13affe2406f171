"""Bar pictures."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from soe_lib.charts.theme import AMBER, BASELINE, BLUE, GREEN, RED, SEQUENCE, frame, nothing_to_draw


def plot_counts(
    counts: pd.DataFrame, *, title: str, label: str, value: str, unit: str = ""
) -> go.Figure:
    """
    Draw one horizontal bar per row, largest on top.

    Parameters
    ----------
    counts
        One row per bar: text column ``label``, number column ``value`` [``unit``].
    """
    if counts.empty:
        return nothing_to_draw(title, "Nothing to count.")
    ordered = counts.sort_values([value, label], kind="stable")
    figure = go.Figure(
        go.Bar(
            x=ordered[value],
            y=ordered[label],
            orientation="h",
            marker={"color": BLUE},
            texttemplate="%{x:,.0f}",
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,.1f} " + unit + "<extra></extra>",
        )
    )
    figure.update_xaxes(title={"text": unit})
    frame(figure, title=title, height=100 + 26 * max(3, len(ordered)), legend=False)
    return figure.update_layout(margin={"r": 60})


def plot_demand_against_plan(
    demand: pd.DataFrame, *, title: str = "Demand against the S&OP plan"
) -> go.Figure:
    """
    Draw orders beside the plan for each family.

    Parameters
    ----------
    demand
        One row per ``family_id``: ``planned_qty``, ``actual_qty`` [uom], ``is_outside`` [bool].
    """
    if demand.empty:
        return nothing_to_draw(title, "No S&OP plan covers the weeks shown.")
    ordered = demand.sort_values("planned_qty", kind="stable")
    figure = go.Figure()
    figure.add_bar(
        y=ordered["family_id"],
        x=ordered["planned_qty"],
        orientation="h",
        name="plan",
        marker={"color": BASELINE},
        hovertemplate="%{y} plan: %{x:,.0f}<extra></extra>",
    )
    figure.add_bar(
        y=ordered["family_id"],
        x=ordered["actual_qty"],
        orientation="h",
        name="orders (amber: outside tolerance)",
        marker={"color": [AMBER if outside else BLUE for outside in ordered["is_outside"]]},
        hovertemplate="%{y} orders: %{x:,.0f}<extra></extra>",
    )
    frame(figure, title=title, height=120 + 40 * max(3, len(ordered)))
    return figure.update_layout(barmode="group")


def plot_scenario_costs(
    costs: pd.DataFrame, *, currency: str = "", title: str = "Money by scenario"
) -> go.Figure:
    """
    Draw the cost terms of each scenario as one stacked bar.

    Parameters
    ----------
    costs
        One row per (``scenario``, ``term``): ``cost`` [money]; scenarios in the order given.
    currency
        What the axis is counted in.
    """
    if costs.empty:
        return nothing_to_draw(title, "No scenario was computed.")
    figure = go.Figure()
    scenarios = list(dict.fromkeys(costs["scenario"]))
    for number, term in enumerate(dict.fromkeys(costs["term"])):
        rows = costs[costs["term"] == term].set_index("scenario").reindex(scenarios)
        figure.add_bar(
            y=scenarios,
            x=rows["cost"],
            orientation="h",
            name=str(term).replace("_", " "),
            marker={"color": SEQUENCE[number % len(SEQUENCE)]},
            hovertemplate="%{y}, %{fullData.name}: %{x:,.0f}<extra></extra>",
        )
    figure.update_yaxes(categoryorder="array", categoryarray=scenarios[::-1])
    figure.update_xaxes(title={"text": currency}, tickformat=",.0f")
    frame(figure, title=title, height=150 + 40 * max(3, len(scenarios)))
    return figure.update_layout(barmode="relative")


def plot_adherence(
    adherence: pd.DataFrame, *, target_pct: float, title: str = "Schedule adherence by resource"
) -> go.Figure:
    """
    Draw adherence by quantity per resource against its target.

    Parameters
    ----------
    adherence
        One row per ``resource_id``: ``adherence_pct`` [%].
    target_pct
        Target line. [%]
    """
    if adherence.empty:
        return nothing_to_draw(title, "No published schedule covers the past week.")
    ordered = adherence.sort_values(["adherence_pct", "resource_id"], kind="stable")
    colours = [GREEN if value >= target_pct else RED for value in ordered["adherence_pct"]]
    figure = go.Figure(
        go.Bar(
            x=ordered["adherence_pct"],
            y=ordered["resource_id"],
            orientation="h",
            marker={"color": colours},
            texttemplate="%{x:.0f} %",
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure.add_vline(x=target_pct, line={"color": BASELINE, "dash": "dash"})
    figure.update_xaxes(range=[0, 110], title={"text": "%"})
    return frame(figure, title=title, height=100 + 26 * max(3, len(ordered)), legend=False)


def plot_losses(
    losses: pd.DataFrame, *, title: str = "Planned hours not done, by cause"
) -> go.Figure:
    """
    Draw the lost hours of each resource as one stacked bar, a colour per cause.

    Parameters
    ----------
    losses
        One row per (``cause``, ``resource_id``): ``lost_hours`` [h].
    """
    if losses.empty:
        return nothing_to_draw(title, "Nothing planned for the week was left undone.")
    figure = go.Figure()
    total = losses.groupby("resource_id")["lost_hours"].sum()
    resources = total.sort_index().sort_values(kind="stable").index.tolist()
    causes = losses.groupby("cause")["lost_hours"].sum().sort_index()
    for number, cause in enumerate(causes.sort_values(ascending=False, kind="stable").index):
        rows = losses[losses["cause"] == cause].groupby("resource_id")["lost_hours"].sum()
        figure.add_bar(
            y=resources,
            x=rows.reindex(resources),
            orientation="h",
            name=str(cause),
            marker={"color": SEQUENCE[number % len(SEQUENCE)]},
            hovertemplate="%{y}, %{fullData.name}: %{x:,.1f} h<extra></extra>",
        )
    figure.update_xaxes(title={"text": "h"})
    figure.update_yaxes(categoryorder="array", categoryarray=resources)
    frame(figure, title=title, height=130 + 26 * max(3, len(resources)))
    return figure.update_layout(barmode="stack")
