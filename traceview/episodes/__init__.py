"""Windows with honest edges, reconstructed from the events of all witnesses."""
