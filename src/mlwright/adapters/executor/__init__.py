"""Executors: what runs the steps of pipelines."""
