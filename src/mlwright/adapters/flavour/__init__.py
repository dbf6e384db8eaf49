"""Model libraries whose models are kept in a format of their own."""
