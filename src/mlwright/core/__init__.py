"""Small pure things that every other package uses: ids, clocks, settings, plans, graphs and event shapes."""
