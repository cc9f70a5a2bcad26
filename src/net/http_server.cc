// All of Boost.Beast and Asio is in this file: it takes long to compile.
// A co_await stands alone in its statement: GCC 12 miscompiles some that are operands of && or
// conditions.
#include "net/http_server.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <set>
#include <thread>

#include "base/check.h"
#include "base/mutex.h"
#include "base/version.h"
#include "net/stream_channel.h"

namespace leat::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;
using Local = asio::local::stream_protocol;
using Tcp = asio::ip::tcp;
using Stream = asio::generic::stream_protocol;  // either: each template is compiled once

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr int kListenBacklog = 128;
constexpr int kPortsToTry = 32;
constexpr int kLingerMs = 500;

Error listen_error(const error_code& code, const std::string& where) {
  bool taken = code == boost::system::errc::address_in_use;
  return Error(taken ? ErrorCode::kAlreadyExists : ErrorCode::kIo,
               fmt::format("cannot listen: {}", code.message()))
      .with_blame(Blame::kExternal)
      .at(where);
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(const Router& router, HttpServerOptions options)
      : router_(router),
        options_(std::move(options)),
        io_(1),
        handlers_(limits::kHttpHandlerThreads) {
    guard_.hosts = options_.hosts;
    guard_.token = options_.token;
    guard_.any_host = options_.any_address;
  }
  ~Impl() { stop(); }

  Result<void> start();
  void stop();
  int port() const { return guard_.port; }
  const HttpServerOptions& options() const { return options_; }

 private:
  class Connection;

  Result<void> listen_tcp();
  Result<void> listen_unix();
  template <typename Acceptor>
  asio::awaitable<void> accept(Acceptor& acceptor, bool trusted);

  const Router& router_;
  const HttpServerOptions options_;
  Guard guard_;
  asio::io_context io_;
  asio::thread_pool handlers_;
  std::optional<Tcp::acceptor> tcp_;
  std::optional<Local::acceptor> local_;
  std::set<Connection*> sessions_;  // I/O thread only
  // Over TCP, and over the Unix socket: strangers at the port do not shut out the command line.
  size_t connections_[2] = {};  // I/O thread only
  std::optional<asio::steady_timer> stop_timer_;
  bool stopping_ = false;  // I/O thread only
  std::stop_source stop_source_;
  std::atomic<size_t> streams_[2] = {};  // likewise
  std::jthread thread_;
};

/// Lives on the I/O thread.
class HttpServer::Impl::Connection {
 public:
  Connection(Impl& server, Stream::socket socket, bool trusted)
      : server_(server),
        stream_(std::move(socket)),
        wake_(stream_.get_executor()),
        trusted_(trusted) {
    server_.sessions_.insert(this);
    ++server_.connections_[trusted_];
  }
  ~Connection() {
    --server_.connections_[trusted_];
    server_.sessions_.erase(this);
  }

  asio::awaitable<void> run() {
    for (bool again = true; again && !server_.stopping_;) again = co_await serve_one();
    co_await close_gently();
  }
  static asio::awaitable<void> serve(std::unique_ptr<Connection> connection) {
    co_await connection->run();
  }

  /// The server stops: end now when between two requests, after the present answer otherwise.
  void wind_down() {
    if (idle_) cut();
  }
  void cut() {
    channel_stop_.request_stop();
    stream_.cancel();
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  using Parser = http::request_parser<http::string_body>;

  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_rest(Parser& parser, size_t max_body);
  asio::awaitable<Response> handle(Request& request);
  asio::awaitable<bool> send(Response response, bool head, bool keep, unsigned version);
  asio::awaitable<bool> send_stream(Response response, http::response<http::empty_body> header,
                                    bool chunked);
  asio::awaitable<bool> send_fault(Response response, const std::string& head);
  asio::awaitable<bool> write(asio::const_buffer bytes) {
    stream_.expires_after(milliseconds(server_.options_.write_ms));
    auto [code, sent] = co_await asio::async_write(stream_, bytes, kTuple);
    co_return !code;
  }
  asio::awaitable<void> pause(int64_t ms) {
    wake_.expires_after(milliseconds(ms));
    co_await wake_.async_wait(kTuple);
  }
  /// Closing with unread bytes would reset the connection, and the peer could lose our last answer.
  asio::awaitable<void> close_gently() {
    error_code code;
    stream_.socket().shutdown(Stream::socket::shutdown_send, code);
    if (code) co_return;
    buffer_.clear();
    stream_.expires_after(milliseconds(kLingerMs));
    for (size_t read = 0; read < limits::kMaxRequestBodyBytes && !server_.stopping_;) {
      auto [failed, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kTuple);
      if (failed) co_return;
      read += size;
    }
  }
  bool peer_has_gone() {
    char byte;
    return recv(stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }

  /// The same, with bytes of a next request unread in front of the end.
  bool peer_has_closed() {
    pollfd waiting{stream_.socket().native_handle(), POLLRDHUP, 0};
    return ::poll(&waiting, 1, 0) > 0;
  }

  Impl& server_;
  beast::basic_stream<Stream> stream_;
  asio::steady_timer wake_;
  beast::flat_buffer buffer_{limits::kMaxRequestHeaderBytes + 64 * limits::kKiB};
  const bool trusted_;
  bool idle_ = true;
  std::stop_source channel_stop_;
};

/// The request as our own type; nothing in it refers to the parser afterwards.
template <typename Message>
static Request take_request(Message&& message, bool trusted, std::stop_token stop) {
  Request request;
  request.method = std::string(message.method_string());
  std::string_view target(message.target().data(), message.target().size());
  size_t question = std::min(target.find('?'), target.size());
  request.path = target.substr(0, question);
  if (question < target.size()) request.query = parse_query(target.substr(question + 1));
  for (const auto& field : message)
    request.headers.add(std::string(field.name_string()), std::string(field.value()));
  request.trusted = trusted;
  request.stop = std::move(stop);
  return request;
}

/// One request and its answer; false: close the connection.
asio::awaitable<bool> HttpServer::Impl::Connection::serve_one() {
  if (buffer_.size() == 0) {
    idle_ = true;
    stream_.expires_after(milliseconds(server_.options_.keep_alive_ms));
    auto [code, size] = co_await stream_.async_read_some(buffer_.prepare(4096), kTuple);
    if (code) co_return false;
    buffer_.commit(size);
  }
  idle_ = false;
  Parser parser;
  parser.header_limit(static_cast<uint32_t>(limits::kMaxRequestHeaderBytes));
  parser.body_limit(boost::none);
  stream_.expires_after(milliseconds(server_.options_.header_ms));  // for the header as a whole
  auto [code, size] = co_await http::async_read_header(stream_, buffer_, parser, kTuple);
  if (code) {
    if (code == beast::error::timeout || code == http::error::end_of_stream) co_return false;
    bool large = code == http::error::header_limit || code == http::error::buffer_overflow;
    co_await send(Response::error(large ? 431 : 400, "invalid_argument",
                                  "the request is not HTTP/1.1: " + code.message()),
                  false, false, 11);
    co_return false;
  }
  // Taken for no body it would hide a second request from whoever stands in front.
  const auto coding = parser.get()[http::field::transfer_encoding];
  if (!coding.empty() && !beast::iequals(coding, "chunked")) {
    co_await send(Response::error(501, "invalid_argument", "the only transfer coding is chunked"),
                  false, false, 11);
    co_return false;
  }
  const unsigned version = parser.get().version();
  const bool keep = parser.get().keep_alive(), head = parser.get().method() == http::verb::head;
  Request request = take_request(parser.get(), trusted_, server_.stop_source_.get_token());
  QueryParams params;
  std::string allowed;
  const Route* route = server_.router_.find(request.method, request.path, params, allowed);

  auto refusal = server_.guard_.refuse(request, route != nullptr ? route->access : Access::kToken);
  if (refusal) {
    co_await send(std::move(*refusal), head, false, version);
    co_return false;  // its body, if any, stays unread
  }
  if (!co_await read_rest(parser, route != nullptr ? route->max_body_bytes : 0)) co_return false;
  request.body = std::move(parser.get().body());

  Response response = co_await handle(request);
  co_return co_await send(std::move(response), head, keep && !server_.stopping_, version);
}

/// Runs the handler on the pool, while this coroutine goes on on the I/O thread and looks whether anybody still waits
/// for the answer. A client that only ends its half of the connection counts as gone, and still gets what comes.
asio::awaitable<Response> HttpServer::Impl::Connection::handle(Request& request) {
  std::stop_source stop;
  std::stop_callback on_stop(request.stop, [stop]() mutable { stop.request_stop(); });
  request.stop = stop.get_token();
  std::optional<Response> response;
  asio::post(server_.handlers_, [this, &request, &response] {
    // Out of memory, or a library's exception: the request ends, not the process.
    Response made;
    try {
      made = server_.router_.dispatch(request);
    } catch (const std::exception& error) {
      made = Response::error(500, "internal", fmt::format("the request failed: {}", error.what()));
    }
    asio::post(stream_.get_executor(), [this, &response, made = std::move(made)]() mutable {
      response = std::move(made);
      wake_.cancel();
    });
  });
  while (!response) {
    co_await pause(limits::kPeerGoneMs);
    if (!response && peer_has_closed()) stop.request_stop();
  }
  co_return std::move(*response);
}

/// The body, under the route's cap; answers and returns false when it is too large or does not
/// come.
asio::awaitable<bool> HttpServer::Impl::Connection::read_rest(Parser& parser, size_t max_body) {
  auto length = parser.content_length();
  if (length && *length > max_body) {
    co_await send(
        Response::error(413, "limit", fmt::format("the body is larger than {} bytes", max_body)),
        false, false, 11);
    co_return false;
  }
  parser.body_limit(max_body);
  if (parser.is_done()) co_return true;
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await write(asio::buffer(kContinue))) co_return false;
  }
  stream_.expires_after(milliseconds(server_.options_.body_ms));
  auto [code, size] = co_await http::async_read(stream_, buffer_, parser, kTuple);
  if (code == http::error::body_limit)
    co_await send(
        Response::error(413, "limit", fmt::format("the body is larger than {} bytes", max_body)),
        false, false, 11);
  co_return !code;
}

asio::awaitable<bool> HttpServer::Impl::Connection::send(Response response, bool head, bool keep,
                                                         unsigned version) {
  http::response<http::empty_body> header{static_cast<http::status>(response.status),
                                          version == 10 ? 10u : 11u};
  header.set(http::field::server, fmt::format("leat/{}", leat::version()));
  header.set("X-Content-Type-Options", "nosniff");
  header.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  header.set(http::field::cache_control, "no-store");
  std::set<std::string> replaced;
  for (const auto& [name, value] : response.headers) {
    CHECK(is_safe_field(name, value), "a handler's header {}", name);
    if (replaced.insert(name).second) header.erase(name);
    header.insert(name, value);
  }
  header.keep_alive(keep);
  if (response.stream && !head) {
    bool chunked = version >= 11;
    if (!chunked) header.keep_alive(false);
    header.chunked(chunked);
    bool whole = co_await send_stream(std::move(response), std::move(header), chunked);
    co_return (whole && keep && chunked);
  }
  bool bodyless = response.status == 204 || response.status == 304;
  if (!bodyless && !response.stream) header.content_length(response.body.size());
  std::string text = fmt::format("HTTP/1.{} {} {}\r\n", version == 10 ? 0 : 1, response.status,
                                 std::string_view(header.reason()));
  for (const auto& field : header)
    text.append(field.name_string()).append(": ").append(field.value()).append("\r\n");
  text += "\r\n";
  if (response.fault.kind != WireFault::Kind::kNone)
    co_return co_await send_fault(std::move(response), text);
  if (!head && !bodyless && response.body.size() < 16 * limits::kKiB) {
    text += response.body;
    bool sent = co_await write(asio::buffer(text));
    co_return (sent && keep);
  }
  if (!co_await write(asio::buffer(text))) co_return false;
  // In pieces, so that the deadline is for a peer that takes nothing, not for a large body.
  std::string_view rest = head || bodyless ? std::string_view() : std::string_view(response.body);
  while (!rest.empty()) {
    auto piece = rest.substr(0, limits::kHttpStreamBytes);
    if (!co_await write(asio::buffer(piece))) co_return false;
    rest.remove_prefix(piece.size());
  }
  co_return keep;
}

asio::awaitable<bool> HttpServer::Impl::Connection::send_fault(Response response,
                                                               const std::string& head) {
  const WireFault fault = response.fault;
  if (!co_await write(asio::buffer(head))) co_return false;
  std::string_view body = response.body;
  if (fault.kind == WireFault::Kind::kTrickle) {
    while (!body.empty() && !server_.stopping_) {
      auto piece = body.substr(0, std::max<size_t>(1, fault.piece_bytes));
      if (!co_await write(asio::buffer(piece))) co_return false;
      body.remove_prefix(piece.size());
      if (!body.empty()) co_await pause(fault.pause_ms);
    }
    co_return body.empty();
  }
  co_await write(asio::buffer(body.substr(0, std::min(body.size(), fault.after_bytes))));
  error_code ignored;
  if (fault.kind == WireFault::Kind::kReset) {
    stream_.socket().set_option(asio::socket_base::linger(true, 0), ignored);
    stream_.socket().close(ignored);
  }
  co_return false;
}

asio::awaitable<bool> HttpServer::Impl::Connection::send_stream(
    Response response, http::response<http::empty_body> header, bool chunked) {
  if (server_.streams_[trusted_].fetch_add(1) >= limits::kMaxHttpStreams) {
    server_.streams_[trusted_].fetch_sub(1);
    co_return co_await send(
        Response::error(503, "limit",
                        fmt::format("{} streams are open already", limits::kMaxHttpStreams)),
        false, true, 11);
  }
  http::response_serializer<http::empty_body> serializer(header);
  stream_.expires_after(milliseconds(server_.options_.write_ms));
  auto [code, size] = co_await http::async_write_header(stream_, serializer, kTuple);
  bool alive = !code, whole = false;

  // The stream's thread wakes this coroutine through the timer, on the I/O thread. The channel
  // lives in this frame; the thread is joined before the frame goes.
  StreamChannel channel([this] { asio::post(stream_.get_executor(), [this] { wake_.cancel(); }); });
  std::stop_callback on_cut(channel_stop_.get_token(), [&channel] { channel.stop(); });
  std::stop_callback on_stop(server_.stop_source_.get_token(), [&channel] { channel.stop(); });
  std::jthread producer([&channel, &response] {
    auto done = response.stream(channel, channel.stop_token());
    channel.finish(done.has_value());
  });
  while (true) {
    auto taken = channel.take();
    if (alive && !taken.bytes.empty()) {
      if (chunked) {
        auto chunk = http::make_chunk(asio::buffer(taken.bytes));
        stream_.expires_after(milliseconds(server_.options_.write_ms));
        auto [failed, sent] = co_await asio::async_write(stream_, chunk, kTuple);
        alive = !failed;
      } else {
        alive = co_await write(asio::buffer(taken.bytes));
      }
    } else if (taken.finished) {
      whole = taken.whole;
      break;
    } else {
      co_await pause(1000);
    }
    if (alive && peer_has_gone()) alive = false;
    if (!alive) channel.stop();
  }
  producer.join();
  server_.streams_[trusted_].fetch_sub(1);
  // Wakes that were posted before the join run before this coroutine goes on, so none finds `this`
  // gone.
  co_await asio::post(stream_.get_executor(), asio::use_awaitable);
  if (!alive || !whole) co_return false;
  if (chunked) {
    auto last = http::make_chunk_last();
    stream_.expires_after(milliseconds(server_.options_.write_ms));
    auto [failed, sent] = co_await asio::async_write(stream_, last, kTuple);
    co_return !failed;
  }
  co_return false;
}

template <typename Acceptor>
asio::awaitable<void> HttpServer::Impl::accept(Acceptor& acceptor, bool trusted) {
  while (acceptor.is_open()) {
    Stream::socket socket(io_);
    auto [code] = co_await acceptor.async_accept(socket, kTuple);
    if (code == asio::error::operation_aborted) co_return;
    if (code) {  // out of descriptors, most likely: wait a little instead of spinning
      asio::steady_timer timer(io_, milliseconds(100));
      co_await timer.async_wait(kTuple);
      continue;
    }
    if (stopping_ || connections_[trusted] >= options_.max_connections) continue;  // closes it
    asio::co_spawn(
        io_, Connection::serve(std::make_unique<Connection>(*this, std::move(socket), trusted)),
        asio::detached);
  }
}

Result<void> HttpServer::Impl::listen_tcp() {
  error_code code;
  auto address = asio::ip::make_address(options_.address, code);
  if (code)
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is no IP address", options_.address));
  if (!options_.any_address && !address.is_loopback())
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is no loopback address", options_.address))
        .with_hint(
            "listen on 127.0.0.1 and let a proxy with TLS and authentication face the network");
  for (int i = 0; i < (options_.next_free_port && options_.port != 0 ? kPortsToTry : 1); ++i) {
    Tcp::endpoint endpoint(address, static_cast<uint16_t>(options_.port + i));
    tcp_.emplace(io_);
    tcp_->open(endpoint.protocol(), code);
    if (!code) tcp_->set_option(asio::socket_base::reuse_address(true), code);
    if (!code) tcp_->bind(endpoint, code);
    if (!code) tcp_->listen(kListenBacklog, code);
    if (!code) break;
  }
  if (code) return listen_error(code, fmt::format("{}:{}", options_.address, options_.port));
  guard_.port = tcp_->local_endpoint().port();
  return {};
}

Result<void> HttpServer::Impl::listen_unix() {
  const std::string& path = options_.unix_socket;
  if (path.size() >= sizeof(sockaddr_un::sun_path))
    return Error(ErrorCode::kInvalidArgument, fmt::format("a socket's path has {} bytes at most",
                                                          sizeof(sockaddr_un::sun_path) - 1))
        .at(path)
        .with_hint("choose a shorter data directory with --data");
  error_code code;
  Local::socket probe(io_);
  probe.connect(Local::endpoint(path), code);
  if (!code)
    return listen_error(boost::system::errc::make_error_code(boost::system::errc::address_in_use),
                        path);
  struct stat status {};
  if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) unlink(path.c_str());
  local_.emplace(io_);
  local_->open(Local(), code);
  // Linux makes the file with the mode of the socket, so there is no moment at which others may
  // connect.
  if (!code) fchmod(local_->native_handle(), 0600);
  if (!code) local_->bind(Local::endpoint(path), code);
  if (!code) local_->listen(kListenBacklog, code);
  if (code) return listen_error(code, path);
  return {};
}

Result<void> HttpServer::Impl::start() {
  if (options_.tcp) TRY(listen_tcp());
  if (!options_.unix_socket.empty()) TRY(listen_unix());
  if (tcp_) asio::co_spawn(io_, accept(*tcp_, false), asio::detached);
  if (local_) asio::co_spawn(io_, accept(*local_, true), asio::detached);
  stop_timer_.emplace(io_);
  thread_ = std::jthread([this] { io_.run(); });
  return {};
}

void HttpServer::Impl::stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    stopping_ = true;
    stop_source_.request_stop();
    error_code ignored;
    if (tcp_) tcp_->close(ignored);
    if (local_) local_->close(ignored);
    auto sessions = sessions_;
    for (Connection* session : sessions) session->wind_down();
    stop_timer_->expires_after(milliseconds(options_.stop_ms));
    stop_timer_->async_wait([this](error_code code) {
      if (code) return;
      auto left = sessions_;
      for (Connection* session : left) session->cut();
    });
    // When the last connection has ended there is no use in waiting for the timer.
    asio::co_spawn(
        io_,
        [this]() -> asio::awaitable<void> {
          asio::steady_timer tick(io_);
          while (!sessions_.empty()) {
            tick.expires_after(milliseconds(5));
            co_await tick.async_wait(kTuple);
          }
          stop_timer_->cancel();
        },
        asio::detached);
  });
  thread_.join();
  handlers_.join();
  if (local_) unlink(options_.unix_socket.c_str());
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(const Router& router,
                                                      HttpServerOptions options) {
  auto impl = std::make_unique<Impl>(router, std::move(options));
  TRY(impl->start());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

int HttpServer::port() const { return impl_->port(); }
std::string HttpServer::url() const {
  if (impl_->port() == 0) return "";
  const std::string& address = impl_->options().address;
  const std::string host = address.find(':') == address.npos ? address : "[" + address + "]";
  return fmt::format("http://{}:{}", host, impl_->port());
}
void HttpServer::stop() { impl_->stop(); }

}  // namespace leat::net
