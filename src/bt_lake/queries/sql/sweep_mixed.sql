-- What else differs among the runs of a sweep, and is therefore mixed in each of its cells.
with
  chosen as materialized (select {{labels}}, params from runs where {{condition}}),
  labels as (
    unpivot (select {{distinct}} from chosen) on columns(*) into name name value number
  ),
  params as (
    select
      'param.' || key as name,
      count(distinct params ->> ('/' || replace(replace(key, '~', '~0'), '/', '~1'))) as number
    from (select unnest(json_keys(params)) as key, params from chosen)
    group by key
  )
select name from labels where number > 1
union all
(select name from params where number > 1 order by name)
