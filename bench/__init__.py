"""Benchmarks: what an act of mlwright costs beside the physical floor of the same act, measured in the same run."""
