"""AWS's wire protocols, driven by the service models: each module has decode, encode and error."""
