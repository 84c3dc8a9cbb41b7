"""Many captures: batch, data set, statistics, fleet report."""
