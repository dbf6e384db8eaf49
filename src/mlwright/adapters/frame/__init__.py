"""Data frames of other libraries, made from columns."""
