"""SQLite to DynamoDB: check everything first, write at a bounded rate, go on after a crash, read it all back.

No module here imports anything but the standard library, botocore and its neighbours: ``emit`` makes one script of them that needs boto3 alone.
"""
