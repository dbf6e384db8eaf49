"""Sources of imports and targets of exports, one file for each kind."""
