"""The wire protocols of AWS, driven by botocore's service models.

Each module has ``decode``, ``encode`` and ``error``.
"""
