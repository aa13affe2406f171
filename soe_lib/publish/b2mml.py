"""
The dispatch list as an ISA-95 job list (B2MML V0700, ``JobList`` of B2MML-WorkSchedule).

The Business To Manufacturing Markup Language (B2MML) is used courtesy of MESA International.
"""

from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd

NAMESPACE = "http://www.mesa.org/xml/B2MML"


def job_list(dispatch: pd.DataFrame, *, list_id: str, published_at: pd.Timestamp) -> bytes:
    """
    Write a dispatch list as a B2MML job list.

    One ``JobOrder`` per operation: planned start and end, the resource as equipment, tool and
    changeover as parameters, people as personnel, the product as material produced. Priority is
    the place in the resource's sequence.

    Parameters
    ----------
    dispatch
        Rows of ``publish.mes.dispatch_list``.
    list_id
        Identity of the list: the publication.
    published_at
        Instant of the publication.

    Returns
    -------
    bytes
        XML in UTF-8; equal inputs give equal bytes.
    """
    ElementTree.register_namespace("", NAMESPACE)
    root = ElementTree.Element(_name("JobList"))
    _add(root, "ID", list_id)
    _add(root, "PublishedDate", _instant(published_at))
    if len(dispatch):
        _add(root, "StartTime", _instant(dispatch["start_at"].min()))
        _add(root, "EndTime", _instant(dispatch["end_at"].max()))
    _add(root, "WorkType", "Production")
    for job in dispatch.to_dict("records"):
        _job_order(root, job)
    ElementTree.indent(root, space=" ")
    text = ElementTree.tostring(root, encoding="unicode")
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + text + "\n").encode("utf-8")


def _job_order(root: ElementTree.Element, job: dict) -> None:
    order = ElementTree.SubElement(root, _name("JobOrder"))
    _add(order, "ID", f"{job['wo_id']}/{job['op_no']}/{job['split_no']}")
    if job["change"]:
        _add(order, "Description", f"changed against the published schedule: {job['change']}")
    _add(order, "StartTime", _instant(job["start_at"]))
    _add(order, "EndTime", _instant(job["end_at"]))
    _add(order, "WorkType", "Production")
    _add(order, "WorkMasterID", str(job["item_id"]))
    _add(order, "Priority", str(job["sequence_no"]))
    _add(order, "DispatchStatus", "Ready" if job["is_frozen"] is True else "Pending")
    if isinstance(job["setup_to"], str):
        _parameter(order, "SetupFamily", job["setup_to"])
        _parameter(order, "SetupStartTime", _instant(job["setup_start_at"]))
    if _is_number(job["labour_count"]):
        people = ElementTree.SubElement(order, _name("PersonnelRequirement"))
        _quantity(people, job["labour_count"])
    machine = ElementTree.SubElement(order, _name("EquipmentRequirement"))
    _add(machine, "EquipmentID", str(job["resource_id"]))
    if isinstance(job["tool_id"], str):
        tool = ElementTree.SubElement(order, _name("PhysicalAssetRequirement"))
        _add(tool, "PhysicalAssetID", job["tool_id"])
    made = ElementTree.SubElement(order, _name("MaterialRequirement"))
    _add(made, "MaterialDefinitionID", str(job["item_id"]))
    _add(made, "MaterialUse", "Produced")
    _quantity(made, job["planned_qty"])


def _parameter(order: ElementTree.Element, name: str, value: str) -> None:
    parameter = ElementTree.SubElement(order, _name("JobOrderParameter"))
    _add(parameter, "ID", name)
    _add(ElementTree.SubElement(parameter, _name("Value")), "ValueString", value)


def _quantity(parent: ElementTree.Element, value: float) -> None:
    _add(ElementTree.SubElement(parent, _name("Quantity")), "QuantityString", f"{value:g}")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and value == value


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, _name(name)).text = _legal(text)


def _legal(text: str) -> str:
    """Drop the characters that XML 1.0 cannot carry at all."""
    return "".join(sign for sign in text if sign in "\t\n\r" or ord(sign) >= 32)


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


def _instant(at: pd.Timestamp) -> str:
    return at.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
