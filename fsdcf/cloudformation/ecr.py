"""Addresses of repositories in ECR, as images of templates and messages of AWS hold them."""

from __future__ import annotations

ADDRESS = (
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)"
    r"\.(?:amazonaws\.(?:com\.cn|com|eu)|on\.aws|on\.amazonwebservices\.com\.cn)/"
)
"""What stands before the repository's name, as a pattern: dual-stack addresses have a hyphen and ``on.aws``.
Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html"""
