"""The tails and quantiles agree with an independent implementation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from mlwright.core import special as own

degrees_of_freedom = st.floats(0.5, 2000)


@given(st.floats(-30, 30))
def test_the_normal_distribution_agrees(x: float) -> None:
    assert own.normal_cdf(x) == pytest.approx(stats.norm.cdf(x), rel=1e-10)


@given(st.floats(1e-9, 1 - 1e-9))
def test_the_normal_quantile_agrees(p: float) -> None:
    assert own.normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-9, abs=1e-9)


@given(st.floats(0, 3000), degrees_of_freedom)
def test_the_chi_square_tail_agrees(x: float, degrees: float) -> None:
    assert own.chi_square_sf(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-8, abs=1e-12)


@given(st.floats(-500, 500), degrees_of_freedom)
def test_the_student_distribution_agrees(t: float, degrees: float) -> None:
    assert own.student_cdf(t, degrees) == pytest.approx(stats.t.cdf(t, degrees), rel=1e-8, abs=1e-11)


@given(st.floats(0.001, 0.999), st.floats(1, 500))
def test_the_student_quantile_agrees(p: float, degrees: float) -> None:
    assert own.student_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-8, abs=1e-8)


@given(st.floats(0.01, 6))
def test_kolmogorovs_tail_agrees(x: float) -> None:
    assert own.kolmogorov_sf(x) == pytest.approx(special.kolmogorov(x), rel=1e-9, abs=1e-12)


@given(st.floats(0.1, 500), st.floats(0.1, 500), st.floats(0, 1))
def test_the_incomplete_beta_function_agrees(a: float, b: float, x: float) -> None:
    assert own.incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-12)


def test_values_at_the_edges_are_what_they_must_be() -> None:
    assert own.chi_square_sf(0, 3) == 1
    assert own.student_cdf(math.inf, 3) == 1
    assert own.student_cdf(-math.inf, 3) == 0
    assert own.kolmogorov_sf(0) == 1
