-- A time that only the newest runs reach: when the last row group of a file began.
select max(stats_min_value) from parquet_metadata({{files}}) where path_in_schema = 'created_at'
