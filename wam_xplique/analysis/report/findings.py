"""What a report tells of each input: facts, shares and warnings, in words and in numbers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...explanation import WaveletExplanation, has_importance, mean_share
from ...plots.drawing import maps_of, scale_labels
from ..profile import ScaleProfile
from ..sufficient import DecisiveImages
from .pictures import kind_name, whole_name

FINE = 0.5  # share of the finest scale above which a prediction rests on it
UNUSUAL, FAR = 2.0, 3.0  # standard deviations from a reference
CLOSE = 0.1  # probability between the first two classes below which a call is close


class Scale(NamedTuple):
    """The share of a scale (NaN where it is left out), beside that of a reference."""

    label: str
    share: float
    reference: tuple[float, float] | None  # mean and standard deviation
    note: str  # what is unusual about it
    interval: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Findings:
    """What was found for N inputs."""

    names: Sequence[str]
    explanation: WaveletExplanation
    outputs: np.ndarray  # (N, classes)
    targets: np.ndarray | None = None  # numbers (N,) of the true classes
    class_names: Sequence[str] | None = None
    sufficient: DecisiveImages | None = None
    boxes: np.ndarray | None = None  # begins, then ends, along each axis (N, 2 · ndim)
    reference: ScaleProfile | None = None
    explained: np.ndarray | None = None  # numbers (N,) of the classes; those predicted if None
    sample_rate: float | None = None

    @functools.cached_property
    def shares(self) -> np.ndarray:
        """The shares (N, level + 1) of the scales; NaN for what is left out."""
        return self.explanation.scale_importance()

    @functools.cached_property
    def intervals(self) -> np.ndarray | None:
        """Their intervals (N, level + 1, 2), where the method has any."""
        return self.explanation.scale_interval()

    @functools.cached_property
    def distances(self) -> np.ndarray:
        """How many standard deviations they lie above the reference; 0 where it has none."""
        if self.reference is None:
            return np.zeros(self.shares.shape)
        std = np.where(self.reference.std > 0, self.reference.std, np.inf)
        return np.nan_to_num((self.shares - self.reference.mean) / std)

    @property
    def whole(self) -> str:
        """What the shares are shares of."""
        return whole_name(self.explanation)

    @property
    def coarse(self) -> str:
        """What the approximation is called."""
        return f"what is coarse ({self.labels[0]})"

    @property
    def labels(self) -> list[str]:
        """What the scales are called, in Hz where the rate is known."""
        return scale_labels(self.explanation, self.sample_rate)

    @property
    def left_out(self) -> str:
        """What no share counts; empty where all is counted."""
        return "" if self.explanation.includes_approximation else f"{self.coarse} is left out"

    @functools.cached_property
    def box_shares(self) -> np.ndarray:
        """The part (N,) of the importance within the box; NaN without either."""
        found = np.full(len(self.names), np.nan)
        for index, box in enumerate(() if self.boxes is None else self.boxes):
            values = maps_of(self.explanation, index).sum(axis=0)
            if values.any():
                within = tuple(map(slice, *np.split(box, 2)))
                found[index] = values[within].sum() / values.sum()
        return found

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        """Numbers (N,) of the predicted classes; all 0 for a model of one output."""
        return self.outputs.argmax(axis=1)

    @functools.cached_property
    def are_probabilities(self) -> bool:
        """Whether the outputs are probabilities of two or more classes."""
        sums = self.outputs.sum(axis=1)
        are_shares = self.outputs.min() >= 0 and np.allclose(sums, 1, rtol=0, atol=1e-3)
        return bool(self.outputs.shape[1] > 1 and are_shares)

    @property
    def kind(self) -> str:
        """What an input is called: a sound, a signal, an image or a volume."""
        return kind_name(self.explanation, self.sample_rate)

    @property
    def box(self) -> str:
        """What the place of an object is called."""
        return "interval" if self.explanation.ndim == 1 else "box"

    def as_predicted(self, index: int) -> bool:
        """Whether the class that is explained is the one predicted."""
        return self.explained is None or self.explained[index] == self.predicted[index]

    @property
    def wrong(self) -> np.ndarray:
        """Whether (N,) the prediction is known to be wrong."""
        if self.targets is None:
            return np.zeros(len(self.names), bool)
        return self.predicted != self.targets

    def class_name(self, number: int) -> str:
        """What a class is called."""
        return f"class {number}" if self.class_names is None else str(self.class_names[number])

    def answer(self, index: int) -> str:
        """What the model answers, in a few words."""
        return self._scored(index, self.predicted[index])

    def _scored(self, index: int, number: int) -> str:
        """A class, and the model's output for it."""
        score = self.outputs[index, number]
        if self.outputs.shape[1] == 1:
            return f"{score:.3g}"
        told = f"{score:.1%}" if self.are_probabilities else f"score {score:.3g}"
        return f"{self.class_name(number)} ({told})"

    def facts(self, index: int) -> dict[str, str]:
        """What is known of an input, by title."""
        found = {"Prediction": self.answer(index)}
        if self.targets is not None:
            verdict = "not predicted" if self.wrong[index] else "as predicted"
            found["Target"] = f"{self.class_name(self.targets[index])} ({verdict})"
        if self.explained is not None:
            found["Explained"] = self._scored(index, self.explained[index])
        title, told = self._main_scale(index)
        found[title] = f"{told}; {self.left_out}" if self.left_out else told
        if not np.isnan(self.box_shares[index]):
            name = f"{self.whole[0].upper()}{self.whole[1:]} in the {self.box}"
            found[name] = f"{self.box_shares[index]:.0%}, in {self._area(index)}"
        if self.sufficient is not None and self.as_predicted(index):
            found["Enough to predict it"] = self.enough(index)
        return found

    def enough(self, index: int) -> str:
        """How much of an input is enough for its prediction."""
        assert self.sufficient is not None
        share = self.sufficient.share[index]
        if not self.sufficient.found[index]:
            return "not found"
        if not self.sufficient.count[index]:
            return f"{self.coarse} by itself"
        percent = f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%"
        return f"{percent} of the coefficients{f' and {self.coarse}' * self.sufficient.held}"

    def scales(self, index: int | None = None) -> list[Scale]:
        """The shares of one input, or the means over all that have importance."""
        shares = mean_share(self.shares) if index is None else self.shares[index]
        return [
            Scale(
                label,
                float(shares[level]),
                self._usual(level),
                "" if index is None else self._note(index, level),
                None if index is None else self._interval(index, level),
            )
            for level, label in enumerate(self.labels)
        ]

    def row(self, index: int) -> dict[str, Any]:
        """The same in numbers."""
        several = self.outputs.shape[1] > 1
        named = (lambda n: int(n)) if self.class_names is None else self.class_name
        scales, enough = self.explanation.scales, self.sufficient
        found = {
            "name": self.names[index],
            "predicted": named(self.predicted[index]) if several else None,
            "score": float(self.outputs[index, self.predicted[index]]),
            "target": None if self.targets is None else named(self.targets[index]),
            **dict(zip(scales, self.shares[index].tolist(), strict=True)),
        }
        if self.intervals is not None:
            for scale, (low, high) in zip(scales, self.intervals[index].tolist(), strict=True):
                found |= {f"{scale} low": low, f"{scale} high": high}
        return {
            **found,
            "sufficient_share": np.nan if enough is None else float(enough.share[index]),
            "box_share": float(self.box_shares[index]),
            "warnings": " ".join(self.warnings(index).values()),
        }

    def warnings(self, index: int) -> dict[str, str]:
        """Reasons to look closer: each in two or three words, and in a sentence."""
        return dict([*self._class_warnings(index), *self._importance_warnings(index)])

    def _class_warnings(self, index: int) -> Iterator[tuple[str, str]]:
        predicted, p = self.class_name(self.predicted[index]), self.outputs[index]
        if self.targets is not None and self.wrong[index]:
            target = self.class_name(self.targets[index])
            told = f"Wrong prediction: {predicted}, where the target is {target}."
            yield f"wrong, it is {target}", told
        if self.are_probabilities:
            second = int(np.argsort(p)[-2])
            if p.max() - p[second] < CLOSE:
                other = self.class_name(second)
                told = f"A close call: {predicted} has {p.max():.1%}, {other} {p[second]:.1%}."
                yield "close call", told

    def _importance_warnings(self, index: int) -> Iterator[tuple[str, str]]:
        if not has_importance(self.shares[index]):
            told = "The explanation is empty: nothing in the input changes the score."
            yield "nothing matters", told
            return
        share, usual, interval = self.shares[index, -1], self._usual(-1), self._interval(index, -1)
        far = self.distances[index, -1] >= FAR
        surely = share if interval is None else min(share, interval[0])
        # The one level of Packets is no finest one: all but the coarsest band are in it.
        is_fine = surely > FINE and self.explanation.transform.are_octaves
        if self.explanation.level and (far or is_fine):
            detail = f"{self.labels[-1]} detail".replace("samples", "sample")
            detail = detail.replace("Hz detail", "Hz")
            what = "The prediction"
            if self.explained is not None:
                what = f"What speaks for {self.class_name(self.explained[index])}"
            told = f"{what} rests on {detail}: {share:.0%} of the {self.whole} is there"
            more = f", far more than in the reference ({usual[0]:.0%})" if far and usual else ""
            left_out = f" ({self.left_out})" if self.left_out else ""
            yield detail, f"{told}{more}{left_out}."
        if self.box_shares[index] <= 0.5:
            outside = 1 - self.box_shares[index]
            part = "Half" if outside < 0.505 else f"{outside:.0%}"
            told = (
                f"{part} of the {self.whole} lies outside of the object's {self.box}, which covers"
            )
            yield f"outside of the {self.box}", f"{told} {self._area(index)}."
        lacking = self.sufficient is not None and not self.sufficient.found[index]
        if lacking and self.as_predicted(index):
            told = "Even all of the coefficients together do not bring the prediction back."
            yield "nothing suffices", told

    def _main_scale(self, index: int) -> tuple[str, str]:
        """The scale of the largest share; those that may be it, where their intervals overlap."""
        title = "Main scale" if self.explanation.includes_approximation else "Main detail scale"
        if not has_importance(self.shares[index]):
            return title, "none"
        level = int(np.nanargmax(self.shares[index]))
        found = [level]
        if self.intervals is not None:
            low, high = self.intervals[index].T
            found = np.flatnonzero(high >= low[level]).tolist() or found
        told = []
        for scale in map(self.scales(index).__getitem__, found):
            more = "" if scale.interval is None else ", {:.0%} to {:.0%}".format(*scale.interval)
            told.append(f"{scale.label} ({scale.share:.0%}{more})")
        return title if len(found) == 1 else f"{title}: not settled", " or ".join(told)

    def _interval(self, index: int, level: int) -> tuple[float, float] | None:
        if self.intervals is None or np.isnan(self.shares[index, level]):
            return None
        low, high = self.intervals[index, level]
        return float(low), float(high)

    def _area(self, index: int) -> str:
        """The part of an input that its box covers."""
        assert self.boxes is not None
        begin, end = np.split(self.boxes[index], 2)
        area = np.prod((end - begin) / np.array(self.explanation.spatial_shape))
        return f"{area:.0%} of the {self.kind}"

    def _usual(self, level: int) -> tuple[float, float] | None:
        """Mean and standard deviation of the reference; of one input there is no deviation."""
        if self.reference is None or np.isnan(self.reference.mean[level]):
            return None
        return float(self.reference.mean[level]), float(np.nan_to_num(self.reference.std[level]))

    def _note(self, index: int, level: int) -> str:
        z = self.distances[index, level]
        if abs(z) < UNUSUAL:
            return ""
        return f"unusually {'high' if z > 0 else 'low'} ({z:+.1f} standard deviations)"
