-- Live files: the commits (c-) that no epoch has removed with their children, and maintenance's
-- (m-) that the newest epoch lists. This is the read rule of the lake; Python chooses the same.
set variable lake_standing = (
  with
    removed as materialized (
      select unnest(json_keys(getvariable('lake_content'), 'removed')) as path
    ),
    listed as (
      select distinct unnest(list_concat(
        getvariable('lake_event_commits'), getvariable('lake_commits'))) as path
    )
  select {
    commits: (
      select coalesce(list(path), []) from listed
      where path <> '' and path not in (from removed)),
    lost_children: (
      select coalesce(list(path), []) from removed where path[:5] not in ('runs/', 'event'))
  }
);
-- A log may come from anybody: it can name files of its own lake alone.
create or replace temp macro lake_maintained(path, of_table) as case
  when regexp_full_match(path,
      '(runs|equity|trades|events)/month=[0-9]{4}-[0-9]{2}/m-[0-9]{8}-[0-9a-f]{32}\.parquet')
    and split_part(path, '/', 1) = of_table
  then path else error('the log of this lake names what is no data file of it')
end;
