/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk as JSON; tools/udmar/schema/walk.json describes it.
 */
#include "walk_print.h"

#include <udmar/fault.h>

void walk_json_image(struct json *json, const struct image *image)
{
    json_object(json, "image");
    json_string(json, "name", image->name);
    json_string(json, "kind", image->kind);
    json_array(json, "parts");
    for (size_t i = 0; i < image->count; i++) {
        json_object(json, NULL);
        json_hex(json, "physical", image->parts[i].physical);
        json_hex(json, "offset", image->parts[i].offset);
        json_hex(json, "size", image->parts[i].size);
        json_close(json);
    }
    json_close(json);
    json_close(json);
}

static void json_step(struct json *json, const struct walk_step *step)
{
    const struct entry_shape *shape = &entry_shapes[step->kind];

    json_object(json, NULL);
    json_string(json, "entry", shape->id);
    if (step->level != 0) {
        json_number(json, "level", step->level);
        json_bool(json, "nested", step->nested);
    }
    json_number(json, "index", step->index);
    json_hex(json, "physical", step->physical);
    json_hex(json, "offset", step->offset);
    json_array(json, "words");
    for (unsigned i = 0; i < shape->words; i++)
        json_hex(json, NULL, step->words[i]);
    json_close(json);
    json_array(json, "fields");
    for (size_t i = 0; i < shape->field_count; i++) {
        const struct field *field = &shape->fields[i];
        uint64_t value = field_value(field, step->words);

        if (field->quiet && value == 0)
            continue;
        json_object(json, NULL);
        json_string(json, "name", field->name);
        json_hex(json, "value", value);
        json_string(json, "what", field->what);
        if (value < 9 && field->meanings[value] != NULL)
            json_string(json, "meaning", field->meanings[value]);
        json_close(json);
    }
    json_close(json);
    json_close(json);
}

static void json_outcome(struct json *json, const char *key, const struct walk *walk,
                         const struct walk_outcome *outcome)
{
    json_object(json, key);
    json_bool(json, "allowed", outcome->allowed);
    if (!outcome->allowed) {
        json_hex(json, "reason", outcome->reason);
        json_string(json, "text", udmar_fault_reason_string(outcome->reason));
        if (outcome->step < walk->count)
            json_hex(json, "entry", walk->steps[outcome->step].physical);
    }
    json_close(json);
}

void walk_print_json(const struct walk *walk, FILE *out)
{
    static const char *const ends[] = { "translated", "pass-through", "fault", "no-data",
                                        "interrupt" };
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_string(&json, "command", "walk");
    walk_json_image(&json, walk->image);
    json_object(&json, "request");
    json_hex(&json, "rtaddr", walk->request.root);
    json_hex(&json, "source", walk->request.rid);
    json_hex(&json, "address", walk->request.iova);
    if (walk->request.has_pasid)
        json_number(&json, "pasid", walk->request.pasid);
    if (walk->request.has_irta)
        json_hex(&json, "irta", walk->request.irta);
    if (walk_is_interrupt(&walk->request))
        json_hex(&json, "data", walk->request.data);
    json_close(&json);
    json_string(&json, "mode", walk_mode_id(walk->mode));
    json_array(&json, "steps");
    for (size_t i = 0; i < walk->count; i++)
        json_step(&json, &walk->steps[i]);
    json_close(&json);
    json_object(&json, "result");
    json_string(&json, "end", ends[walk->end]);
    if (walk->end == WALK_TRANSLATED || walk->end == WALK_PASS_THROUGH) {
        json_hex(&json, "physical", walk->physical);
        if (walk->end == WALK_TRANSLATED)
            json_hex(&json, "page_size", UINT64_C(1) << walk->shift);
    } else {
        json_string(&json, walk->end == WALK_INTERRUPT ? "raises" : "why", walk->why);
    }
    if (walk->has_domain)
        json_number(&json, "domain", walk->domain);
    if (walk->end == WALK_NO_DATA) {
        json_hex(&json, "missing", walk->missing);
    } else {
        if (!walk_is_interrupt(&walk->request))
            json_outcome(&json, "read", walk, &walk->read);
        json_outcome(&json, "write", walk, &walk->write);
    }
    json_close(&json);
    json_close(&json);
}
