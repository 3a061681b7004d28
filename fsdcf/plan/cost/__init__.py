"""What a template costs in a month: quantities by its resources and stated assumptions, prices by a dated table."""
