# Read Also for Rails: `include ReadAlso::Article` pushes a model; `ReadAlso.list(id)` is its list.
require "erb"
require "json"
require "net/http"

module ReadAlso
  class << self
    attr_accessor :service, :write_key, :lists_key

    # Stores an article; its fields are those of docs/http-api.md. False if the service did not take it.
    def put(article)
      body = article.to_json
      !call(Net::HTTP::Put, article.fetch(:id), "", write_key, 5, body).nil?
    end

    # Deletes an article; deleting it twice is no fault.
    def delete(id)
      !call(Net::HTTP::Delete, id, "", write_key, 5).nil?
    end

    # The list as HTML, which the service has escaped, so a view may mark it `html_safe`.
    # Empty where there is none.
    def list(id, **options)
      call(Net::HTTP::Get, id, "/related.html?#{URI.encode_www_form(options)}", lists_key, 0.5) || ""
    end

    private

    # The body of an answer; nil if the service refused or did not answer in time.
    def call(kind, id, path, key, seconds, body = nil)
      address = URI("#{service}/v1/articles/#{ERB::Util.url_encode(id.to_s)}#{path}")
      request = kind.new(address, "Authorization" => "Bearer #{key}", "Content-Type" => "application/json")
      request.body = body
      limits = { open_timeout: seconds, read_timeout: seconds, use_ssl: address.scheme == "https" }
      answer = Net::HTTP.start(address.host, address.port, **limits) { |http| http.request(request) }
      answer.is_a?(Net::HTTPSuccess) ? answer.body.to_s.dup.force_encoding("UTF-8") : nil
    rescue SystemCallError, SocketError, Timeout::Error, EOFError, OpenSSL::SSL::SSLError
      nil
    end
  end

  # Follows a model that has a method `read_also`: the service hears of a change once it is committed.
  module Article
    def self.included(model)
      model.after_commit(on: %i[create update]) do
        ReadAlso.put(read_also) || logger&.error("Read Also has not got article #{id}")
      end
      model.after_commit(on: :destroy) do
        ReadAlso.delete(read_also.fetch(:id)) || logger&.error("Read Also still has article #{id}")
      end
    end
  end
end
