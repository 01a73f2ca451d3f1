// A stand-in for cuBLASLt that multiplies in host memory: the functions that gpunet calls, with
// the checks that the real ones make, and counters and failures for the tests.
//
// With -DHAVE_CUBLASLT_H it is compiled against NVIDIA's header, so that the compiler compares the
// signatures; else against the declarations below, which say the same in fewer words.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <string>

#ifdef HAVE_CUBLASLT_H
#include <cublasLt.h>
#else
#include <cstddef>
extern "C" {
typedef int cublasStatus_t, cudaDataType, cudaDataType_t, cublasComputeType_t;
typedef int cublasLtMatmulDescAttributes_t, cublasLtMatmulPreferenceAttributes_t;
typedef struct CUstream_st* cudaStream_t;
typedef struct cublasLtContext* cublasLtHandle_t;
typedef struct OpaqueDesc* cublasLtMatmulDesc_t;
typedef struct OpaqueLayout* cublasLtMatrixLayout_t;
typedef struct OpaquePreference* cublasLtMatmulPreference_t;
typedef struct { uint64_t data[8]; } cublasLtMatmulAlgo_t;
typedef struct {
    cublasLtMatmulAlgo_t algo;
    size_t workspaceSize;
    cublasStatus_t state;
    float wavesCount;
    int reserved[4];
} cublasLtMatmulHeuristicResult_t;
}
enum { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7, CUBLAS_STATUS_NOT_SUPPORTED = 15 };
enum { CUDA_R_32F = 0, CUDA_R_64F = 1, CUDA_R_16F = 2, CUDA_R_16BF = 14 };
enum { CUBLAS_COMPUTE_32F = 68, CUBLAS_COMPUTE_64F = 70, CUBLAS_COMPUTE_32F_FAST_TF32 = 77 };
enum { CUBLAS_OP_N = 0, CUBLAS_OP_T = 1 };
enum { CUBLASLT_MATMUL_DESC_TRANSA = 3, CUBLASLT_MATMUL_DESC_TRANSB = 4 };
enum {
    CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES = 1,
    CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK = 3,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES = 5,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES = 6,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES = 7,
    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES = 8
};
enum {
    CUBLASLT_REDUCTION_SCHEME_NONE = 0,
    CUBLASLT_REDUCTION_SCHEME_INPLACE = 1,
    CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE = 2,
    CUBLASLT_REDUCTION_SCHEME_MASK = 7
};
#endif

namespace {

// --- what the library keeps ---------------------------------------------------------------------

struct Context { int unused; };
struct Product { int compute, scale; int32_t trans[2]; };
struct Layout { int type; uint64_t rows, cols; int64_t ld; };
struct Preference { uint64_t workspace; uint32_t schemes, alignment[4]; };

enum Kind { CONTEXT, PRODUCT, LAYOUT, PREFERENCE };
std::map<const void*, Kind> objects;  // those that have been created and not destroyed

struct Failure { std::string function; int skip; int status; } failure;
std::map<std::string, int> calls;
size_t version = 120000;
void* last_stream = nullptr;
int runs = 0;

// A product as it was asked for, for whoever computes it in this library's place.
struct Asked {
    struct { const void* address; int type, transposed; uint64_t rows, cols; int64_t ld; } operand[4];
    int compute;
    double alpha, beta;
    void* workspace;
    size_t workspace_bytes;
    void* stream;
    uint64_t digest;
};
int (*compute_elsewhere)(const Asked*) = nullptr;
int (*may_search)() = nullptr;

// Counts the call; the status that the tests want it to return.
cublasStatus_t enter(const char* function)
{
    calls[function] += 1;
    bool fails = failure.function == function && failure.skip-- == 0;
    return static_cast<cublasStatus_t>(fails ? failure.status : int(CUBLAS_STATUS_SUCCESS));
}

#define ENTER() \
    do { \
        cublasStatus_t wanted = enter(__func__); \
        if (wanted != CUBLAS_STATUS_SUCCESS) return wanted; \
    } while (0)
#define REQUIRE(condition) \
    do { \
        if (!(condition)) return CUBLAS_STATUS_INVALID_VALUE; \
    } while (0)
#define REQUIRE_SUCCESS(call) \
    do { \
        int status_of_call = call; \
        if (status_of_call != int(CUBLAS_STATUS_SUCCESS)) return cublasStatus_t(status_of_call); \
    } while (0)

template <class Object, class Pointer>
cublasStatus_t create(Kind kind, Pointer* place, const Object& initial)
{
    REQUIRE(place != nullptr);
    Object* object = new Object(initial);
    objects[object] = kind;
    *place = reinterpret_cast<Pointer>(object);
    return CUBLAS_STATUS_SUCCESS;
}

// The object behind a handle; null where it is of another kind or has been destroyed.
template <class Object>
Object* find(Kind kind, const void* pointer)
{
    auto found = objects.find(pointer);
    if (found == objects.end() || found->second != kind) return nullptr;
    return static_cast<Object*>(const_cast<void*>(pointer));
}

template <class Object>
cublasStatus_t destroy(Kind kind, const void* pointer)
{
    Object* object = find<Object>(kind, pointer);
    REQUIRE(object != nullptr);
    objects.erase(pointer);
    delete object;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t assign(void* target, size_t size, const void* value, size_t given)
{
    REQUIRE(value != nullptr && given == size);
    std::memcpy(target, value, size);
    return CUBLAS_STATUS_SUCCESS;
}

// --- numbers ------------------------------------------------------------------------------------

size_t size_of(int type) { return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2; }

template <class Number>
Number read(const void* memory, int64_t at = 0)
{
    Number x;
    std::memcpy(&x, static_cast<const char*>(memory) + at * int64_t(sizeof x), sizeof x);
    return x;
}

double from_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                       : exponent ? std::ldexp(1024 + fraction, exponent - 25)
                                  : std::ldexp(fraction, -24);
    return bits >> 15 ? -magnitude : magnitude;
}

double from_bfloat16(uint16_t bits)
{
    uint32_t wide = uint32_t(bits) << 16;
    return read<float>(&wide);
}

// To 11 significant bits, ties to even, as TF32 has them.
double to_tf32(double x)
{
    if (x == 0.0 || !std::isfinite(x)) return x;
    int exponent;
    double fraction = std::frexp(x, &exponent);
    return std::ldexp(std::nearbyint(std::ldexp(fraction, 11)), exponent - 11);
}

double load(const void* memory, int type, int64_t at)
{
    switch (type) {
    case CUDA_R_64F: return read<double>(memory, at);
    case CUDA_R_32F: return read<float>(memory, at);
    case CUDA_R_16F: return from_half(read<uint16_t>(memory, at));
    default: return from_bfloat16(read<uint16_t>(memory, at));
    }
}

void store(void* memory, int type, int64_t at, double x)
{
    float narrow = float(x);
    char* place = static_cast<char*>(memory) + at * int64_t(size_of(type));
    if (type == CUDA_R_64F) std::memcpy(place, &x, 8);
    else std::memcpy(place, &narrow, 4);
}

// --- products -----------------------------------------------------------------------------------

// What a search finds, kept in the eight numbers of an algorithm.
struct Algorithm {
    uint64_t magic, problem, scheme, workspace;
    uint32_t alignment[4];
    uint64_t unused[2];
};
static_assert(sizeof(Algorithm) == sizeof(cublasLtMatmulAlgo_t), "8 numbers");
const uint64_t MAGIC = 0x70726f64756374;
const int PARTS = 3;         // of a split sum
const uint64_t SPLIT_FROM = 8;  // shorter sums are not split

struct Problem {
    Product* product;
    Layout* layout[4];
    uint64_t m, n, k;

    uint64_t digest() const
    {
        uint64_t hash = 14695981039346656037u;
        auto add = [&hash](uint64_t x) { hash = (hash ^ x) * 1099511628211u; };
        add(uint64_t(product->compute)), add(uint64_t(product->scale));
        add(uint64_t(product->trans[0])), add(uint64_t(product->trans[1]));
        for (Layout* x : layout) add(uint64_t(x->type)), add(x->rows), add(x->cols), add(uint64_t(x->ld));
        return hash;
    }
};

cublasStatus_t understand(
    Problem& problem, const void* product, const void* a, const void* b, const void* c, const void* d)
{
    Product* p = problem.product = find<Product>(PRODUCT, product);
    REQUIRE(p != nullptr);
    const void* given[4] = {a, b, c, d};
    for (int i = 0; i < 4; ++i) {
        Layout* x = problem.layout[i] = find<Layout>(LAYOUT, given[i]);
        REQUIRE(x != nullptr && x->rows > 0 && x->cols > 0 && x->ld >= int64_t(x->rows));
    }
    Layout *A = problem.layout[0], *B = problem.layout[1], *C = problem.layout[2], *D = problem.layout[3];
    for (int32_t t : p->trans) REQUIRE(t == CUBLAS_OP_N || t == CUBLAS_OP_T);
    bool ta = p->trans[0] == CUBLAS_OP_T, tb = p->trans[1] == CUBLAS_OP_T;
    problem.m = ta ? A->cols : A->rows, problem.k = ta ? A->rows : A->cols;
    problem.n = tb ? B->rows : B->cols;
    REQUIRE((tb ? B->cols : B->rows) == problem.k);
    REQUIRE(C->rows == problem.m && C->cols == problem.n && C->type == D->type);
    REQUIRE(D->rows == problem.m && D->cols == problem.n);

    int in = A->type, out = D->type;
    bool narrow = in == CUDA_R_32F || in == CUDA_R_16F || in == CUDA_R_16BF;
    bool known = in == B->type && p->scale == out;
    if (p->compute == CUBLAS_COMPUTE_32F) known = known && narrow && out == CUDA_R_32F;
    else if (p->compute == CUBLAS_COMPUTE_64F) known = known && in == CUDA_R_64F && out == CUDA_R_64F;
    else known = known && p->compute == CUBLAS_COMPUTE_32F_FAST_TF32 && in == CUDA_R_32F && out == in;
    return known ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

// One element of op(A) or op(B), which the library sees column by column.
double element(const Layout& x, const void* memory, bool transpose, bool tf32, uint64_t row, uint64_t col)
{
    if (transpose) std::swap(row, col);
    double value = load(memory, x.type, int64_t(col) * x.ld + int64_t(row));
    return tf32 ? to_tf32(value) : value;
}

// The sum over part of k; in float64, so that only what is asked for is rounded.
double partial(const Problem& p, const void* A, const void* B, uint64_t i, uint64_t j, uint64_t from, uint64_t to)
{
    bool ta = p.product->trans[0] == CUBLAS_OP_T, tb = p.product->trans[1] == CUBLAS_OP_T;
    bool tf32 = p.product->compute == CUBLAS_COMPUTE_32F_FAST_TF32;
    double sum = 0.0;
    for (uint64_t k = from; k < to; ++k)
        sum += element(*p.layout[0], A, ta, tf32, i, k) * element(*p.layout[1], B, tb, tf32, k, j);
    return sum;
}

// In parts: stored in the type of the output, added in it; `first` is the part that starts.
double split(const Problem& p, const void* A, const void* B, uint64_t i, uint64_t j, int first, void* parts)
{
    int type = p.layout[3]->type;
    for (uint64_t s = 0; s < PARTS; ++s)
        store(parts, type, int64_t(s), partial(p, A, B, i, j, p.k * s / PARTS, p.k * (s + 1) / PARTS));
    double sum = load(parts, type, first);
    for (int s = 1; s < PARTS; ++s) {
        sum += load(parts, type, (first + s) % PARTS);
        if (type == CUDA_R_32F) sum = float(sum);
    }
    return sum;
}

}  // namespace

// --- the library --------------------------------------------------------------------------------

extern "C" {

size_t cublasLtGetVersion(void) { return version; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle)
{
    ENTER();
    return create(CONTEXT, handle, Context());
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    ENTER();
    return destroy<Context>(CONTEXT, handle);
}

cublasStatus_t cublasLtMatmulDescCreate(
    cublasLtMatmulDesc_t* product, cublasComputeType_t compute, cudaDataType_t scale)
{
    ENTER();
    return create(PRODUCT, product, Product{int(compute), int(scale), {CUBLAS_OP_N, CUBLAS_OP_N}});
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t product)
{
    ENTER();
    return destroy<Product>(PRODUCT, product);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(
    cublasLtMatmulDesc_t product, cublasLtMatmulDescAttributes_t attribute, const void* value, size_t size)
{
    ENTER();
    Product* p = find<Product>(PRODUCT, product);
    REQUIRE(p != nullptr);
    switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return assign(&p->trans[0], 4, value, size);
    case CUBLASLT_MATMUL_DESC_TRANSB: return assign(&p->trans[1], 4, value, size);
    default: return CUBLAS_STATUS_INVALID_VALUE;
    }
}

cublasStatus_t cublasLtMatrixLayoutCreate(
    cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld)
{
    ENTER();
    return create(LAYOUT, layout, Layout{int(type), rows, cols, ld});
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    ENTER();
    return destroy<Layout>(LAYOUT, layout);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference)
{
    ENTER();
    return create(
        PREFERENCE, preference, Preference{0, CUBLASLT_REDUCTION_SCHEME_MASK, {256, 256, 256, 256}});
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    ENTER();
    return destroy<Preference>(PREFERENCE, preference);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
    cublasLtMatmulPreference_t preference,
    cublasLtMatmulPreferenceAttributes_t attribute,
    const void* value,
    size_t size)
{
    ENTER();
    Preference* p = find<Preference>(PREFERENCE, preference);
    REQUIRE(p != nullptr);
    switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES: return assign(&p->workspace, 8, value, size);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK: return assign(&p->schemes, 4, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES: return assign(&p->alignment[0], 4, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES: return assign(&p->alignment[1], 4, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES: return assign(&p->alignment[2], 4, value, size);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: return assign(&p->alignment[3], 4, value, size);
    default: return CUBLAS_STATUS_INVALID_VALUE;
    }
}

// The first proposal has a bad state where more than one is asked for: `state` has to be read.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle,
    cublasLtMatmulDesc_t product,
    cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b,
    cublasLtMatrixLayout_t c,
    cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference,
    int most,
    cublasLtMatmulHeuristicResult_t results[],
    int* count)
{
    ENTER();
    const Preference* wanted = find<Preference>(PREFERENCE, preference);
    REQUIRE(find<Context>(CONTEXT, handle) && wanted && most > 0 && results && count);
    *count = 0;
    if (may_search) REQUIRE_SUCCESS(may_search());
    Problem problem;
    cublasStatus_t status = understand(problem, product, a, b, c, d);
    if (status != CUBLAS_STATUS_SUCCESS) return status;

    Algorithm algorithm = {MAGIC, problem.digest(), CUBLASLT_REDUCTION_SCHEME_NONE, 0, {}, {}};
    for (int i = 0; i < 4; ++i) {
        uint32_t alignment = wanted->alignment[i];
        REQUIRE(alignment >= size_of(problem.layout[i]->type) && (alignment & (alignment - 1)) == 0);
        algorithm.alignment[i] = alignment;
    }
    uint64_t bytes = PARTS * problem.m * problem.n * size_of(problem.layout[3]->type);
    if (problem.k >= SPLIT_FROM && wanted->schemes & CUBLASLT_REDUCTION_SCHEME_INPLACE) {
        algorithm.scheme = CUBLASLT_REDUCTION_SCHEME_INPLACE;
    } else if (problem.k >= SPLIT_FROM && bytes <= wanted->workspace
               && wanted->schemes & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) {
        algorithm.scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
        algorithm.workspace = bytes;
    }
    for (int i = 0; i < std::min(most, 2); ++i) {
        bool usable = i + 1 == std::min(most, 2);
        std::memset(&results[i], 0, sizeof results[i]);
        if (usable) std::memcpy(&results[i].algo, &algorithm, sizeof algorithm);
        results[i].workspaceSize = usable ? algorithm.workspace : 0;
        results[i].state = usable ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
        *count += 1;
    }
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(
    cublasLtHandle_t handle,
    cublasLtMatmulDesc_t product,
    const void* alpha,
    const void* A,
    cublasLtMatrixLayout_t a,
    const void* B,
    cublasLtMatrixLayout_t b,
    const void* beta,
    const void* C,
    cublasLtMatrixLayout_t c,
    void* D,
    cublasLtMatrixLayout_t d,
    const cublasLtMatmulAlgo_t* chosen,
    void* workspace,
    size_t workspace_bytes,
    cudaStream_t stream)
{
    ENTER();
    Problem p;
    Algorithm algorithm;
    REQUIRE(find<Context>(CONTEXT, handle) && alpha && A && B && beta && C && D && chosen);
    cublasStatus_t status = understand(p, product, a, b, c, d);
    if (status != CUBLAS_STATUS_SUCCESS) return status;
    std::memcpy(&algorithm, chosen, sizeof algorithm);
    REQUIRE(algorithm.magic == MAGIC && algorithm.problem == p.digest());
    const void* places[4] = {A, B, C, D};
    for (int i = 0; i < 4; ++i)
        REQUIRE(reinterpret_cast<uintptr_t>(places[i]) % algorithm.alignment[i] == 0);
    REQUIRE(workspace_bytes >= algorithm.workspace && reinterpret_cast<uintptr_t>(workspace) % 16 == 0);
    REQUIRE(algorithm.workspace == 0 || workspace != nullptr);

    last_stream = stream;
    runs += 1;
    int type = p.layout[3]->type;
    double by = load(alpha, p.product->scale, 0), keep = load(beta, p.product->scale, 0);
    if (compute_elsewhere) {
        Asked asked = {};
        for (int i = 0; i < 4; ++i) {
            const Layout& x = *p.layout[i];
            bool transposed = i < 2 && p.product->trans[i] == CUBLAS_OP_T;
            asked.operand[i] = {places[i], x.type, transposed, x.rows, x.cols, x.ld};
        }
        asked.compute = p.product->compute, asked.alpha = by, asked.beta = keep;
        asked.workspace = workspace, asked.workspace_bytes = algorithm.workspace;
        asked.stream = stream, asked.digest = p.digest();
        return cublasStatus_t(compute_elsewhere(&asked));
    }
    for (uint64_t j = 0; j < p.n; ++j) {
        for (uint64_t i = 0; i < p.m; ++i) {
            double parts[PARTS], sum;
            if (algorithm.scheme == CUBLASLT_REDUCTION_SCHEME_INPLACE) {
                sum = split(p, A, B, i, j, runs % PARTS, parts);  // in another order every time
            } else if (algorithm.scheme == CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) {
                char* mine = static_cast<char*>(workspace) + (j * p.m + i) * PARTS * size_of(type);
                sum = split(p, A, B, i, j, 0, mine);
            } else {
                sum = partial(p, A, B, i, j, 0, p.k);
            }
            // Where beta is 0, C is not read: it may hold anything.
            double old = keep == 0.0 ? 0.0 : keep * load(C, type, int64_t(j) * p.layout[2]->ld + int64_t(i));
            store(D, type, int64_t(j) * p.layout[3]->ld + int64_t(i), by * sum + old);
        }
    }
    return CUBLAS_STATUS_SUCCESS;
}

// --- for the tests ------------------------------------------------------------------------------

int fake_live(void) { return int(objects.size()); }

int fake_calls(const char* function)
{
    int all = 0;
    for (auto& call : calls) all += call.second;
    return function == nullptr ? all : calls[function];
}

// Calls of the function fail once, with the status, after `skip` that succeed.
void fake_fail(const char* function, int skip, int status) { failure = {function, skip, status}; }

// What could not be destroyed because the tests had it fail is given up.
void fake_forget(void) { objects.clear(); }

void fake_set_version(size_t number) { version = number; }

void* fake_last_stream(void) { return last_stream; }

// Products are handed on instead of computed; searches are made where the other returns success.
void fake_set_hooks(int (*product)(const Asked*), int (*search)())
{
    compute_elsewhere = product;
    may_search = search;
}

void fake_reset(void)
{
    calls.clear();
    failure = {};
    version = 120000;
    last_stream = nullptr;
}

}  // extern "C"
