"""What advises sweeps."""
