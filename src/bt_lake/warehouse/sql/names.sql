-- Where a name with dots may lead: 'a.b' to a parameter of that name, or to b in a; first to the
-- longest names. Of many parts only to such a name, or all the way in. chr(1) is between the places.
create or replace temp macro lake_escaped(name) as '/' || replace(replace(name, '~', '~0'), '/', '~1');
create or replace temp macro lake_pointers(name) as case
  when len(string_split(name, '.')) > {{most_parts}}
  then [lake_escaped(name), replace(lake_escaped(name), '.', '/')]
  else string_split(
    list_reduce(
      string_split(lake_escaped(name), '.')[:{{most_parts}}],
      lambda found, part: concat(
        replace(found, chr(1), concat('.', part, chr(1))), '.', part, chr(1),
        replace(found, chr(1), concat('/', part, chr(1))), '/', part)),
    chr(1))
end;
create or replace temp macro lake_param(params, name) as case
  when contains(name, '.') then list_any_value(list_transform(lake_pointers(name), lambda place: params ->> place))
  else params ->> lake_escaped(name)
end;
create or replace temp macro lake_has_param(params, name) as
  len(list_filter(lake_pointers(name), lambda place: json_exists(params, place))) > 0;
create or replace temp macro lake_number(value) as
  lake_finite(try_cast(regexp_extract(value, {{number}}) as double));
create or replace temp macro lake_refusal(kind, name, known) as
  'no ' || kind || ' ''' || coalesce(name, 'NULL') || '''.' || coalesce(' Did you mean ' || array_to_string(
    list_transform(
      list_sort(
        list_transform(known, lambda k: {similarity: jaro_winkler_similarity(k, coalesce(name, '')), name: k}), 'desc'
      )[:3],
      lambda k: k.name), ', ') || '?', '');
