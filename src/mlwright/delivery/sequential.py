"""Tests and intervals that stay valid however often one looks, and whenever one stops.

An e-value is a bet against the null hypothesis: starting at 1, its mean stays at or below 1 as long as the null holds,
so by Ville's inequality it ever reaches 1/alpha with probability at most alpha.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from mlwright.core.special import student_cdf

# Odds ratios on which the bet against equal failure rates is spread, as multiples of the tolerated one: from hardly
# worse to as good as always failing where the other never does.
_ODDS = np.geomspace(1.25, 2000.0, 25)
# Variance of the prior on the standardised difference of days; about what makes ten days as telling as can be.
_SPREAD = 8.0
# Number of clusters at which the confidence sequence is tightest.
_PLANNED = 100


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """A mean with the confidence sequence around it as it stands now; infinite ends where nothing can be said yet."""

    mean: float
    low: float
    high: float


def failure_log_e_value(
    candidate_rows: np.ndarray,
    candidate_failed: np.ndarray,
    stable_rows: np.ndarray,
    stable_failed: np.ndarray,
    *,
    ratio: float = 1.0,
) -> float:
    """Return the log of the e-value against "the candidate's odds of failing are at most `ratio` times the stable's".

    All arrays have shape [bins], one entry for each closed stretch of time, in its order. Given how many rows each arm
    had in a bin, and how many rows failed in all, the candidate's part of the failures has Fisher's noncentral
    hypergeometric distribution, whose only parameter is the odds ratio; how likely rows are to fail may change from
    bin to bin. The bet is a mixture over odds ratios of likelihood ratios, multiplied over bins, so its mean under the
    null is exactly 1 at the ratio and less below it (the family has a monotone likelihood ratio).

    Source: the conditional argument of Fisher (1935), as an e-process in the way of Turner, Ly and Grünwald,
    "Generic E-variables for exact sequential k-sample tests" (2024), with the arms' sizes conditioned on. It holds
    when rows fail independently of the arm they were sent to; a unit that asks again and again should count once.

    Args:
        candidate_rows: Rows of the candidate.
        candidate_failed: How many of them failed.
        stable_rows: Rows of the stable version.
        stable_failed: How many of them failed.
        ratio: Odds ratio that is still tolerated.
    """
    failed = candidate_failed + stable_failed
    telling = (failed > 0) & (candidate_rows > 0) & (stable_rows > 0)
    if not telling.any():
        return 0.0
    counts = np.stack([candidate_rows, stable_rows, candidate_failed, failed])[:, telling].astype(np.int64)
    logs = np.log(np.concatenate([[1.0], np.arange(1, counts[:2].max() + 1)])).cumsum()
    odds = np.log(ratio * np.concatenate([[1.0], _ODDS]))
    total = np.zeros(len(odds))
    for rows, others, mine, all_failed in counts.T:
        k = np.arange(max(0, all_failed - others), min(all_failed, rows) + 1)
        ways = logs[rows] - logs[k] - logs[rows - k]
        ways += logs[others] - logs[all_failed - k] - logs[others - all_failed + k]
        total += mine * odds - np.logaddexp.reduce(ways[:, None] + k[:, None] * odds[None, :], axis=0)
    bets = total[1:] - total[0]
    return float(np.logaddexp.reduce(bets) - math.log(len(bets)))


def worse_log_e_value(days: np.ndarray, margin: float) -> float:
    """Return the log of the e-value against "the mean of the days is at most `margin`".

    Days are taken as independent and normal with unknown mean and variance: a day's mean of many rows is nearly
    normal, and all rows of a day share that day's luck, so the day is the unit. The bet is the likelihood ratio of the
    scale-invariant statistics with a half-normal prior on the standardised difference; its law doesn't depend on the
    variance, and shifting all days down only lowers it, so it holds for every mean up to the margin.

    Source: Lai, "On confidence sequences" (1976); Pérez-Ortiz, Lardy, de Heide and Grünwald, "E-statistics, group
    invariance and anytime-valid testing" (2024); Wang and Ramdas, "Anytime-valid t-tests" (2024). With t days, Student
    statistic T and prior variance g the two-sided bet is
    (1 + t g)^(-1/2) * ((1 + T^2 / (t - 1)) / (1 + T^2 / ((t - 1) (1 + t g))))^(t / 2);
    the half-normal prior multiplies it by twice the posterior probability of a positive difference.

    Args:
        days: Mean of each finished day; shape [days].
        margin: Mean that is still tolerated.
    """
    t = len(days)
    if t < 2:
        return 0.0
    shifted = np.asarray(days, dtype=np.float64) - margin
    mean = float(shifted.mean())
    between, within = t * mean * mean, float(((shifted - mean) ** 2).sum())
    # The part of all squares that the mean explains: T^2 / (T^2 + t - 1), also right when the variance is 0.
    explained = between / (between + within) if between + within > 0 else 0.0
    shrink = t * _SPREAD / (1 + t * _SPREAD)
    log_two_sided = -0.5 * math.log1p(t * _SPREAD) - 0.5 * t * math.log1p(-shrink * explained)
    slope = math.copysign(math.sqrt(shrink * explained / (1 - shrink * explained)), mean)
    chance = student_cdf(slope * math.sqrt(t), t)
    return log_two_sided + math.log(2 * chance) if chance > 0 else -math.inf


def mean_sequence(sums: np.ndarray, counts: np.ndarray, *, alpha: float) -> Interval:
    """Return the mean of all rows with a two-sided confidence sequence, rows clustered by stretches of time.

    It covers the running mean of what was to be expected on the traffic that really came, given what was known before
    each stretch; it says nothing about other days. It is asymptotic: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    "Time-uniform central limit theory and asymptotic confidence sequences" (2021), theorem 2.2 with the boundary
    sigma sqrt(2 (t r^2 + 1) / (t^2 r^2) log(sqrt(t r^2 + 1) / alpha)) after t clusters; tests check its coverage.

    Args:
        sums: Sum of the values of each cluster; shape [clusters].
        counts: Rows of each cluster, more than 0; shape [clusters].
        alpha: Probability of ever missing, both sides together.
    """
    t = len(sums)
    rows = float(counts.sum()) if t else 0.0
    if not rows:
        return Interval(mean=math.nan, low=-math.inf, high=math.inf)
    mean = float(sums.sum()) / rows
    if t < 2:
        return Interval(mean=mean, low=-math.inf, high=math.inf)
    spread = math.sqrt(float(((sums - mean * counts) ** 2).sum()) / (t - 1)) / (rows / t)
    tuned = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / _PLANNED
    reach = t * tuned + 1
    half = spread * math.sqrt(2 * reach / (t * t * tuned) * math.log(math.sqrt(reach) / alpha))
    return Interval(mean=mean, low=mean - half, high=mean + half)
