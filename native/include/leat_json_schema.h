/* JSON Schema for C++: the Rust crate `jsonschema` behind a C ABI. Drafts 4, 6, 7, 2019-09 and 2020-12.
 *
 * Nothing is fetched: what a schema refers to is given with it. Nothing that a schema or a document holds ends the
 * process: sizes, depths, regular expressions, looks at a value and the stack are bounded, and a panic inside is LJS_FAILED.
 *
 * A validator is used by one thread at a time, any thread. Texts are UTF-8, not ended by a zero byte. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct ljs_validator ljs_validator;

enum ljs_code {
  LJS_OK = 0,
  LJS_VIOLATION = 1, /* the document is not what the schema asks for */
  LJS_NOT_JSON = 2,  /* the document is no JSON (RFC 8259, UTF-8) */
  LJS_TOO_DEEP = 3,  /* the document is nested deeper than max_depth */
  LJS_SCHEMA = 4,    /* the schema is none, refers to what was not given, or is beyond a bound */
  LJS_FAILED = 5     /* a defect of the validator: the document was not judged */
};

typedef struct {
  int32_t code;
  uint32_t path_size, keyword_size, message_size;
  char path[1000];    /* JSON Pointer of the place in the document; cut off when longer */
  char keyword[1000]; /* of the keyword in the schema */
  char message[1000];
} ljs_error;

typedef struct {
  const char *name, *text; /* name: what `$ref` says, a URI or relative to the schema's $id */
  size_t name_size, text_size;
} ljs_reference;

typedef struct {
  const char* schema;
  size_t schema_size;
  const ljs_reference* references;
  size_t n_references;
  uint32_t default_draft; /* 4, 6, 7, 2019, 2020: where `$schema` is absent or unknown */
  uint32_t max_depth;     /* of documents, at most 100 */
} ljs_options;

/* `format` is asserted as the draft has it: by drafts 4 to 7, not by later ones. */
int ljs_open(const ljs_options* options, ljs_validator** out, ljs_error* error);
void ljs_close(ljs_validator* validator);

/* The first violation in a fixed order. *error is written unless 0 is returned. */
int ljs_check(ljs_validator* validator, const uint8_t* json, size_t size, ljs_error* error);

#ifdef __cplusplus
}
#endif
