"""The S3 face: the path prefixes as buckets that S3 clients list; objects are read as ever.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
"""
