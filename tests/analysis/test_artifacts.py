"""Conciseness-preciseness and hallucinated edges, where the answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import pywt

from wam_xplique.analysis import conciseness_preciseness, hallucination_score, retained_information

BOXES = np.zeros((2, 32, 32, 3))
BOXES[:, 8:24, 8:24] = 1
ONES = np.tile([0.8, 0.8], (2, 1))


def test_an_image_invents_nothing_of_itself_and_less_of_it_neither():
    np.testing.assert_array_equal(hallucination_score(BOXES, BOXES), 0)
    np.testing.assert_array_equal(hallucination_score(BOXES, BOXES * 0), 0)
    np.testing.assert_array_equal(hallucination_score(BOXES[..., 0], 0.5 * BOXES[..., 0]), 0)


def test_edges_that_were_added_are_counted():
    added = BOXES.copy()
    added[1, 4, :] = 1  # the gradient is steep in the rows above and below
    # a box has edges in two pixels' width around its sides: 18² − 14² pixels
    expected = [0, 2 * 32 / (18**2 - 14**2)]
    np.testing.assert_allclose(hallucination_score(BOXES, added), expected)


def test_an_edge_beside_one_of_the_image_is_not_invented():
    moved = np.roll(BOXES, 1, axis=1)
    np.testing.assert_array_equal(hallucination_score(BOXES, moved), 0)
    assert (hallucination_score(BOXES, np.roll(BOXES, 5, axis=1)) > 0.1).all()
    assert np.isnan(hallucination_score(BOXES * 0, BOXES)).all()  # none to compare with


@pytest.mark.parametrize("information", ["l1", "entropy"])
def test_the_whole_input_has_the_score_1(information):
    z = pywt.wavedecn(BOXES + 0.1, "haar", "periodization", 2, axes=(1, 2))
    for whole in (BOXES, z):
        np.testing.assert_allclose(conciseness_preciseness(ONES, whole, whole, information), 1)


def test_half_the_information_doubles_the_score():
    halved = BOXES.copy()
    halved[:, :16] = 0
    np.testing.assert_allclose(retained_information(BOXES, halved), 0.5)
    np.testing.assert_allclose(conciseness_preciseness(ONES, BOXES, halved), 2)
    less = ONES * [1, 0.25]
    np.testing.assert_allclose(conciseness_preciseness(less, BOXES, halved), 0.5)
    # equal values: the entropy is the logarithm of their number
    entropy = np.log(128 * 3) / np.log(256 * 3)
    np.testing.assert_allclose(retained_information(BOXES, halved, "entropy"), entropy)
    # and nothing left is infinitely concise; no input has no information
    assert np.isinf(conciseness_preciseness(ONES, BOXES, BOXES * 0)).all()
    assert np.isnan(retained_information(BOXES * 0, BOXES)).all()


def test_bad_arguments_are_refused():
    for score, arguments, told in (
        (hallucination_score, (BOXES, BOXES * 2), "explanation must be in"),
        (hallucination_score, (BOXES, BOXES[:, 1:]), "explanation must be images"),
        (hallucination_score, (BOXES, BOXES, -1), "threshold must be"),
        (retained_information, (BOXES, BOXES, "bits"), "information must be"),
        (retained_information, (BOXES, BOXES[:, 1:]), "as many values"),
        (conciseness_preciseness, (ONES[:1], BOXES, BOXES), r"probability must be \(2, 2\)"),
    ):
        with pytest.raises(ValueError, match=told):
            score(*arguments)
