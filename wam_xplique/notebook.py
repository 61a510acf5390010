"""Small pictures and bars as HTML, for notebooks: no script, no network, a few kilobytes."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np

MOST_INPUTS = 3
SIDE = 96
"""The longest side of a picture, in pixels."""
SHOWN = 168  # as wide or high it stands on the page
MOST_BARS = 12

# Of magma, from black by way of purple and orange to a light yellow.
_PLACES = (0.0, 0.25, 0.5, 0.75, 1.0)
_COLORS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))


def card(title: str, parts: Iterable[tuple[np.ndarray, Sequence[tuple[str, str, float]]]]) -> str:
    """A title above parts side by side: a map (H, W), and lines of a name, a text and a share."""
    shown = "".join(
        f'<div style="display:flex;gap:10px;align-items:center">{_picture(values)}{_bars(lines)}'
        "</div>"
        for values, lines in parts
    )
    return (
        f'<div style="font:12px sans-serif"><div style="margin:4px 0">{html.escape(title)}</div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:20px">{shown}</div></div>'
    )


def _picture(values: np.ndarray) -> str:
    values = _coarser(np.abs(np.asarray(values, float)))
    top = np.percentile(values, 99.5) or values.max()
    grey = (255 * np.clip(values / (top or 1), 0, 1)).astype(np.uint8)
    data = base64.b64encode(_png(grey)).decode()
    height, width = grey.shape
    scale = SHOWN / max(height, width)
    size = f"width:{width * scale:.0f}px;height:{max(height * scale, 48):.0f}px"
    return (
        f'<img alt="" style="{size};image-rendering:pixelated" src="data:image/png;base64,{data}">'
    )


def _coarser(values: np.ndarray) -> np.ndarray:
    """A map whose sides are at most `SIDE`: of blocks the largest, so that no line is lost."""
    for axis, size in enumerate(values.shape):
        starts = np.unique(np.linspace(0, size, min(size, SIDE), endpoint=False).astype(int))
        values = np.maximum.reduceat(values, starts, axis=axis)
    return values


def _png(grey: np.ndarray) -> bytes:
    """A PNG file of bytes (H, W), in colours."""
    shades = np.arange(256) / 255
    palette = np.stack([np.interp(shades, _PLACES, c) for c in zip(*_COLORS, strict=True)], -1)
    rows = b"".join(b"\0" + row.tobytes() for row in grey)

    def chunk(kind: bytes, data: bytes) -> bytes:
        ends = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
        return ends[0] + kind + data + ends[1]

    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, data)
        for kind, data in (
            (b"IHDR", struct.pack(">IIBBBBB", *grey.shape[::-1], 8, 3, 0, 0, 0)),
            (b"PLTE", palette.astype(np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def _bars(lines: Sequence[tuple[str, str, float]]) -> str:
    """A line for each name; of more than `MOST_BARS` those with the largest shares."""
    shares = np.nan_to_num([share for *_, share in lines])
    chosen = sorted(np.argsort(-shares, kind="stable")[:MOST_BARS])
    longest = max(shares.max(initial=0), 1e-9)
    rows = [
        f"<tr><td>{html.escape(lines[i][0])}</td><td>{html.escape(lines[i][1])}</td>"
        f'<td><div style="background:#b5367a;height:9px;width:{60 * shares[i] / longest:.0f}px">'
        "</div></td></tr>"
        for i in chosen
    ]
    if len(lines) > len(chosen):
        rows.append(f"<tr><td colspan=3>and {len(lines) - len(chosen)} smaller ones</td></tr>")
    return f"<table>{''.join(rows)}</table>"
