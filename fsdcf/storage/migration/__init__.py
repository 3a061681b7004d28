"""Move data from SQLite to DynamoDB: check every row, write at a limited rate, resume after a crash, verify the result.

The modules here import only the standard library, botocore, and what ``script.MODULES`` lists, because ``script`` packs
them into an archive that runs without fsdcf.
"""
