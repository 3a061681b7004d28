"""Addresses of repositories in Amazon ECR, in specs, in templates and in messages from AWS, as patterns.

The account and the region may be pseudo parameters. Dual-stack addresses contain a hyphen and ``on.aws``.
Source: https://docs.aws.amazon.com/general/latest/gr/ecr.html
"""

from __future__ import annotations

from fsdcf.cloudformation.partitions import DOMAIN

SERVICE = r"\.dkr[.-]ecr(?:-fips)?\."
"""The part of the host between the account and the region."""

HOST = rf"(?P<account>\d{{12}}|\$\{{AWS::AccountId\}}){SERVICE}(?P<region>[a-z0-9-]+|\$\{{AWS::Region\}})\."
"""The host up to the domain."""

ADDRESS = rf"{HOST}(?:\$\{{AWS::URLSuffix\}}|{DOMAIN}|on\.aws|on\.amazonwebservices\.(?:com\.cn|eu))/"
"""All that precedes the repository's name."""
