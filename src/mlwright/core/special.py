"""Tails and quantiles of the distributions that verdicts rest on, in plain Python.

Formulas are those of the NIST Digital Library of Mathematical Functions (dlmf.nist.gov), named at each function.
Accuracy is at least eight decimals over the ranges in use; tests compare with an independent implementation.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_TINY = 1e-300
_EPSILON = 1e-15
_MOST_TERMS = 10_000
_STANDARD = NormalDist()


def normal_cdf(x: float) -> float:
    """Return the probability that a standard normal value is at most `x`."""
    return 0.5 * math.erfc(-x / math.sqrt(2))


def normal_quantile(p: float) -> float:
    """Return the value that a standard normal one stays below with probability `p`, 0 < p < 1."""
    return _STANDARD.inv_cdf(p)


def chi_square_sf(x: float, degrees: float) -> float:
    """Return the probability that a chi-square value exceeds `x`.

    Args:
        x: The value; 0 or less gives 1.
        degrees: Degrees of freedom, more than 0.
    """
    return 1.0 if x < _TINY else _upper_gamma(degrees / 2, x / 2)


def student_cdf(t: float, degrees: float) -> float:
    """Return the probability that a Student value is at most `t` (DLMF 8.17, with x = degrees / (degrees + t^2)).

    Args:
        t: The value; may be infinite.
        degrees: Degrees of freedom, more than 0.
    """
    if math.isinf(t):
        return 0.0 if t < 0 else 1.0
    square = t * t
    if square < degrees:
        # The same by symmetry; the other form loses digits near the middle.
        return 0.5 + math.copysign(0.5, t) * incomplete_beta(0.5, degrees / 2, square / (degrees + square))
    tail = 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + square))
    return tail if t < 0 else 1.0 - tail


@lru_cache(maxsize=256)
def student_quantile(p: float, degrees: float) -> float:
    """Return the value that a Student one stays below with probability `p`, 0 < p < 1, by bisection."""
    if p < 0.5:
        return -student_quantile(1 - p, degrees)
    low, high = 0.0, 1.0
    while student_cdf(high, degrees) < p:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if student_cdf(middle, degrees) < p else (low, middle)
    return (low + high) / 2


def kolmogorov_sf(x: float) -> float:
    """Return the probability that the limit of Kolmogorov's statistic, sqrt(n) D, exceeds `x`.

    The two series are equal; each is used where it converges at once (Kolmogorov 1933; Feller 1948).
    """
    if x <= 0:
        return 1.0
    if x < 1.0:
        rising = [math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * x * x)) for k in range(1, 8)]
        return 1.0 - math.sqrt(2 * math.pi) / x * math.fsum(rising)
    return 2 * math.fsum((1 if k % 2 else -1) * math.exp(-2 * k * k * x * x) for k in range(1, 8))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b) (DLMF 8.17.22, Lentz's evaluation)."""
    if x < _TINY or x >= 1:
        return 0.0 if x < 1 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - incomplete_beta(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a * _beta_fraction(a, b, x)


def _beta_fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _EPSILON:
            break
    return value


def _upper_gamma(a: float, x: float) -> float:
    log_front = a * math.log(x) - x - math.lgamma(a)
    if x < a + 1:
        # DLMF 8.7.1, as a sum of growing denominators.
        term = total = 1 / a
        for k in range(1, _MOST_TERMS):
            term *= x / (a + k)
            total += term
            if term < total * _EPSILON:
                break
        return max(0.0, 1.0 - total * math.exp(log_front))
    # DLMF 8.9.2 in its even form.
    b = x + 1 - a
    c, d = 1 / _TINY, 1 / b
    value = d
    for k in range(1, _MOST_TERMS):
        term = -k * (k - a)
        b += 2
        d = 1 / _away(term * d + b)
        c = _away(b + term / c)
        value *= c * d
        if abs(c * d - 1) < _EPSILON:
            break
    return value * math.exp(log_front)


def _away(value: float) -> float:
    """Keep a denominator of Lentz's method away from zero."""
    return value if abs(value) > _TINY else _TINY
