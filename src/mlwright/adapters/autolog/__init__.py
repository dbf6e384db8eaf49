"""What libraries' trainings are logged by themselves: one module for each library."""
