/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates: a tag's values by name. */
#include "base/text.h"
#include "busdma/tag.h"

void udmar_dma_template_init(struct udmar_dma_template *out_template, struct udmar_dma_tag *parent)
{
    if (out_template == NULL) {
        return;
    }
    *out_template = (struct udmar_dma_template){
        .parent = parent,
        .alignment = 1,
        .lowaddr = UINT64_MAX,
        .highaddr = UINT64_MAX,
        .maxsize = UINT64_MAX,
        .nsegments = -1,
        .maxsegsize = UINT64_MAX,
    };
}

void udmar_dma_template_clone(struct udmar_dma_template *out_template, struct udmar_dma_tag *tag)
{
    if (out_template == NULL || tag == NULL) {
        return;
    }
    *out_template = (struct udmar_dma_template){
        .parent = tag->parent != NULL ? tag->parent : tag,
        .alignment = tag->alignment,
        .boundary = tag->boundary,
        .lowaddr = tag->lowaddr,
        .highaddr = tag->highaddr,
        .maxsize = tag->maxsize,
        .nsegments = tag->nsegments == UINT32_MAX ? -1 : (int)tag->nsegments,
        .maxsegsize = tag->maxsegsz,
        .flags = tag->flags,
        .lockfunc = tag->lock,
        .lockfuncarg = tag->lock_argument,
        .name = tag->name,
    };
}

static void set_value(struct udmar_dma_template *out, const struct udmar_dma_param *param)
{
    switch (param->key) {
    case UDMAR_DMA_KEY_PARENT:
        out->parent = param->ptr;
        break;
    case UDMAR_DMA_KEY_ALIGNMENT:
        out->alignment = param->num;
        break;
    case UDMAR_DMA_KEY_BOUNDARY:
        out->boundary = param->num;
        break;
    case UDMAR_DMA_KEY_LOWADDR:
        out->lowaddr = param->pa;
        break;
    case UDMAR_DMA_KEY_HIGHADDR:
        out->highaddr = param->pa;
        break;
    case UDMAR_DMA_KEY_MAXSIZE:
        out->maxsize = param->num;
        break;
    case UDMAR_DMA_KEY_NSEGMENTS:
        out->nsegments = (int)param->num;
        break;
    case UDMAR_DMA_KEY_MAXSEGSIZE:
        out->maxsegsize = param->num;
        break;
    case UDMAR_DMA_KEY_FLAGS:
        out->flags = (int)param->num;
        break;
    case UDMAR_DMA_KEY_LOCKFUNC:
        __builtin_memcpy(&out->lockfunc, &param->ptr, sizeof(out->lockfunc));
        break;
    case UDMAR_DMA_KEY_LOCKFUNCARG:
        out->lockfuncarg = param->ptr;
        break;
    case UDMAR_DMA_KEY_NAME:
        out->name = param->ptr;
        break;
    default:
        /* Refused, and with a reason, where the tag is made. */
        out->unknown_key = true;
        break;
    }
}

void udmar_dma_template_fill(struct udmar_dma_template *out_template,
                             const struct udmar_dma_param *params, unsigned count)
{
    for (unsigned i = 0; out_template != NULL && params != NULL && i < count; i++) {
        set_value(out_template, &params[i]);
    }
}

int udmar_dma_template_tag(const struct udmar_dma_template *template_,
                           struct udmar_dma_tag **out_tag)
{
    int error;

    if (out_tag != NULL) {
        *out_tag = NULL;
    }
    if (template_ == NULL) {
        return UDMAR_EINVAL;
    }
    if (template_->unknown_key && template_->parent != NULL) {
        return udmar__tag_refuse(template_->parent, "its template has an unknown key");
    }
    error = udmar_dma_tag_create(template_->parent, template_->alignment, template_->boundary,
                                 template_->lowaddr, template_->highaddr, NULL, NULL,
                                 template_->maxsize, template_->nsegments, template_->maxsegsize,
                                 template_->flags, template_->lockfunc, template_->lockfuncarg,
                                 out_tag);
    if (error == 0) {
        (*out_tag)->name = template_->name;
    }
    return error;
}
