"""How to read a report, in plain words, for what is on the page."""

from __future__ import annotations

from .report_findings import FAR, FINE, UNUSUAL, Findings


def guide(findings: Findings) -> dict[str, str]:
    """
    Explain what the page shows.

    Parameters
    ----------
    findings
        What was found.

    Returns
    -------
    guide
        Terms and what they mean, in the order of the page.
    """
    e, kind = findings.explanation, findings.kind
    terms = {"Prediction": _prediction(findings), "Scale": _scale(findings)}
    shared = "All scales share one range of colours." if e.sobol else ""
    own = shared or "Each map has its own range of colours; the percentages compare them."
    if e.ndim == 2:
        terms["Wavelet coefficients"] = (
            "All scales in one picture. Each frame around the upper left corner holds one scale, "
            "the finest in the largest blocks; in a block, places are those of the image. The "
            "letters tell the direction: h for horizontal edges, v for vertical ones, d for "
            f"diagonals. {shared}"
        ).strip()
        terms["Maps of scales"] = (
            f"Where in the image the model looks at details of this size. {own}"
        )
    elif e.ndim == 1:
        terms["Scales over time"] = "When the model looks, and at which size of detail."
    else:
        terms["Slices and projections"] = (
            "Cuts through the most important voxel, and for each scale what shines through along "
            f"each axis. {own}"
        )
    if findings.sufficient is not None:
        terms[f"Sufficient {kind}"] = (
            "What is left when only the most important coefficients are kept, as few as still give "
            "the same prediction. The model needs no more: if you cannot tell the object in it, "
            "the model does not need the object."
        )
    if findings.reference is not None:
        terms["Reference"] = (
            "What is usual for this model: mean ± standard deviation over a data set. The dark "
            f"line beneath a bar spans it. Shares that lie {UNUSUAL:.0f} standard deviations off "
            "or more are marked."
        )
    if findings.boxes is not None:
        terms["Importance in the box"] = (
            "How much of the importance lies where the object is. Compare it with the part of the "
            f"{kind} that the box covers: a model that looks anywhere would score that."
        )
    terms["Warnings"] = _warnings(findings)
    return terms


def _prediction(findings: Findings) -> str:
    if findings.outputs.shape[1] == 1:
        return "The model has one output. What raises it is explained."
    told = (
        "The percentage is the model's own probability, which need not be a calibrated one."
        if findings.are_probabilities
        else "The score is the model's raw output for the class, which is no probability."
    )
    return f"The class that scores highest; it is the one explained, be it right or wrong. {told}"


def _scale(findings: Findings) -> str:
    unit = ("samples", "pixels", "voxels")[findings.explanation.ndim - 1]
    fine = "clicks and noise" if findings.explanation.ndim == 1 else "fine texture and noise"
    told = (
        f"The size of the details, in {unit}: 1-2 is the finest, where {fine} are; larger numbers "
        "are coarser shapes. The shares tell how much of the explanation lies at each scale."
    )
    if findings.left_out:
        told += (
            f" They are shares of the details: {findings.left_out}, and might matter more than all "
            "of them; an explainer with include_approximation=True tells."
        )
    if findings.intervals is not None:
        told += " In brackets are intervals: how sure the method is of a share."
    return told


def _warnings(findings: Findings) -> str:
    found = [f"more than {FINE:.0%} of the {findings.whole} lies at the finest scale"]
    if findings.reference is not None:
        found[0] += f", or {FAR:.0f} standard deviations more than in the reference"
    if findings.targets is not None:
        found.append("the prediction is wrong")
    if findings.are_probabilities:
        found.append("the first two classes are almost equally likely")
    if findings.boxes is not None:
        found.append("half of the importance or more lies outside of the object's box")
    return f"They are given where {'; where '.join(found)}. They are hints, not proofs."
