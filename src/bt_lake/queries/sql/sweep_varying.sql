-- What else differs among the runs of a sweep, and is therefore mixed in each of its cells.
with
  chosen as (select {{labels}}, params from runs where {{condition}}),
  keys as (select distinct unnest(json_keys(params)) as key from chosen)
select 'param.' || key as name
from keys
where (select count(distinct coalesce(params ->> ('/' || replace(replace(key, '~', '~0'), '/', '~1')), ''))
  from chosen) > 1
